package flow

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Jina reads flows as YAML 1.1, and makes other types of what YAML took for texts, quoted or not. Values of fields without a type of their own,
// such as the parameters in uses_with, come to executors as it makes them.

// retypePasses is how often Jina does it: what comes out of quotes in quotes is looked at again.
const retypePasses = 4

// retype makes of a text what Jina makes of it: nil, bool, int, float64, []any or string. Numbers that JSON or an int cannot hold stay texts.
func retype(text string) any {
	var v any = text
	for range retypePasses {
		s, isText := v.(string)
		if !isText {
			break
		}
		v = retypeOnce(s)
	}
	return v
}

func retypeOnce(text string) any {
	if n := len(text); n >= 2 && isQuote(text[0]) && isQuote(text[n-1]) && !strings.Contains(text, "\n") {
		return text[1 : n-1]
	}
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		list := []any{}
		inner := strings.TrimSpace(strings.NewReplacer("[", "", "]", "").Replace(text))
		if inner == "" {
			return list
		}
		for item := range strings.SplitSeq(inner, ",") {
			list = append(list, retype(strings.TrimSpace(item)))
		}
		return list
	}
	if n, ok := decimal(text); ok {
		return n
	}
	if f, ok := float(text); ok {
		return f
	}
	switch {
	case text == "":
		return nil
	case strings.EqualFold(text, "true"):
		return true
	case strings.EqualFold(text, "false"):
		return false
	}
	return text
}

func isQuote(c byte) bool { return c == '\'' || c == '"' }

var (
	pythonInt   = regexp.MustCompile(`^[-+]?[0-9]+(?:_[0-9]+)*$`)
	pythonFloat = regexp.MustCompile(`^[-+]?(?:[0-9]+(?:_[0-9]+)*\.?|(?:[0-9]+(?:_[0-9]+)*)?\.[0-9]+(?:_[0-9]+)*)(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$`)
)

// mayBeNumber spares most texts the regular expressions.
func mayBeNumber(text string) bool {
	return text != "" && len(text) <= 400 && strings.IndexByte("+-.0123456789", text[0]) >= 0
}

func decimal(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if !mayBeNumber(text) || !pythonInt.MatchString(text) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	return n, err == nil
}

func float(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if !mayBeNumber(text) || !pythonFloat.MatchString(text) {
		return 0, false
	}
	if pythonInt.MatchString(text) { // too large for an int: a float64 would lose digits
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	return f, err == nil
}

// YAML 1.1's scalars without quotes, as far as Jina knows them: on and off are texts.
var (
	yamlInt   = regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$`)
	yamlSixty = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`)
	yamlFloat = regexp.MustCompile(`^[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$`)
)

// plainValue makes of a text without quotes what Jina makes of it.
func plainValue(text string) any {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "yes", "Yes", "YES", "true", "True", "TRUE":
		return true
	case "no", "No", "NO", "false", "False", "FALSE":
		return false
	}
	if mayBeNumber(text) {
		digits := strings.ReplaceAll(text, "_", "")
		switch {
		case yamlInt.MatchString(text):
			if n, err := strconv.ParseInt(digits, 0, strconv.IntSize); err == nil {
				return int(n)
			}
			if f, err := strconv.ParseFloat(digits, 64); err == nil {
				return f
			}
		case isSixty(text):
			return sixty(digits)
		case yamlFloat.MatchString(text):
			if f, err := strconv.ParseFloat(digits, 64); err == nil && !math.IsInf(f, 0) {
				return f
			}
		}
	}
	return retype(text)
}

// isSixty reports whether YAML 1.1 takes a text for a number to the base of sixty, as in 12:30. Whole ones do not begin with 0.
func isSixty(text string) bool {
	return yamlSixty.MatchString(text) && (strings.Contains(text, ".") || strings.TrimLeft(text, "+-")[0] != '0')
}

func sixty(text string) any {
	digits, negative := strings.CutPrefix(text, "-")
	total := 0.0
	for part := range strings.SplitSeq(strings.TrimPrefix(digits, "+"), ":") {
		f, _ := strconv.ParseFloat(part, 64)
		total = total*60 + f
	}
	if negative {
		total = -total
	}
	if strings.Contains(text, ".") || math.Abs(total) > 1<<53 {
		return total
	}
	return int(total)
}

// pythonText is what Python's str makes of a value.
func pythonText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(v)
	case float64:
		return pythonFloatText(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = pythonText(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return ""
}

// pythonFloatText writes a number as Python does: with a point, or an exponent from 1e16 on and below 1e-4.
func pythonFloatText(f float64) string {
	if size := math.Abs(f); size != 0 && (size >= 1e16 || size < 1e-4) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
