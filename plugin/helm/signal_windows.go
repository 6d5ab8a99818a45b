package helm

import "os"

// terminate kills, as Windows knows no other way to end a process that has no window.
func terminate(p *os.Process) error { return p.Kill() }

func exitCode(state *os.ProcessState) int { return state.ExitCode() }
