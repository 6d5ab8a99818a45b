package plugin

// What terminals make bold, dim or coloured.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// painter colours texts, if it shall.
type painter struct{ colored bool }

func (p painter) paint(sgr, text string) string {
	if !p.colored || sgr == "" || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}
