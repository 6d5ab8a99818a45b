package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// The goals, for one hop and documents of 1 KiB.
const (
	wantSpeed    = 10.0     // times Jina's most requests per second under any of the loads
	wantAdded    = 0.2      // of the time that Jina's gateway adds to the median of a request that is alone
	wantRSS      = 60 << 20 // bytes resident, under every load
	wantFlatness = 1.1      // times the memory of the flood's first half, at most, in the second
)

type key struct{ shape, target string }

// judge prints one goal and remembers whether all were met.
type judge struct {
	out io.Writer
	ok  bool
}

func (j *judge) goal(met bool, format string, args ...any) {
	verdict := "PASS"
	if !met {
		verdict, j.ok = "FAIL", false
	}
	fmt.Fprintf(j.out, "%s  %s\n", verdict, fmt.Sprintf(format, args...))
}

// report prints the measurements and the verdicts, and says whether all goals are met.
func report(out io.Writer, p plan, results map[key][]sample, f flood) bool {
	fmt.Fprintf(out, "One executor, echo; documents of %d bytes; client and servers share this machine; medians of %d rounds of %v (least to most).\n\n",
		documentBytes, p.rounds, p.window)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "load\tthrough\trequests/s\t\tp50\tp99\tadded p50\tgateway CPU/request\tgateway memory")
	for _, s := range shapes {
		for _, name := range []string{direct, jina, ours} {
			row(w, s, name, results)
		}
	}
	w.Flush()

	j := &judge{out: out, ok: true}
	fmt.Fprintln(out)
	var capacity [2]float64
	for _, s := range shapes {
		if s.clients*s.inFlight == 1 {
			ratio := added(results, s, ours) / added(results, s, jina)
			j.goal(ratio <= wantAdded, "%s: adds %.2f of what Jina adds to p50 (goal: %.2f)", s.name, ratio, wantAdded)
			continue
		}
		of := [2]float64{median(results[key{s.name, ours}], speed), median(results[key{s.name, jina}], speed)}
		fmt.Fprintf(out, "      %s: %.1f times Jina's requests/s\n", s.name, of[0]/of[1])
		capacity[0], capacity[1] = max(capacity[0], of[0]), max(capacity[1], of[1])
	}
	j.goal(capacity[0] >= wantSpeed*capacity[1], "the most requests/s under any of these loads: %.0f, %.1f times Jina's %.0f (goal: %.0f)",
		capacity[0], capacity[0]/capacity[1], capacity[1], wantSpeed)
	var most int64
	for _, s := range shapes {
		for _, got := range results[key{s.name, ours}] {
			most = max(most, got.rss)
		}
	}
	j.goal(most < wantRSS, "at most %s resident under all of these loads (goal: %s)", mebibytes(most), mebibytes(wantRSS))
	first, second := slices.Max(f.rss[:len(f.rss)/2]), slices.Max(f.rss[len(f.rss)/2:])
	j.goal(float64(second) <= wantFlatness*float64(first),
		"%d documents sent on one stream without waiting, answered in %.1f s: at most %s resident in the first half, %s in the second (goal: flat)",
		floodSize, f.took.Seconds(), mebibytes(first), mebibytes(second))
	return j.ok
}

func row(w io.Writer, s shape, name string, results map[key][]sample) {
	samples := results[key{s.name, name}]
	byspeed := slices.SortedFunc(slices.Values(samples), func(a, b sample) int { return cmp.Compare(a.perSecond, b.perSecond) })
	fmt.Fprintf(w, "%s\t%s\t%.0f\t(%.0f–%.0f)\t%s\t%s", s.name, name, median(samples, speed),
		byspeed[0].perSecond, byspeed[len(byspeed)-1].perSecond,
		micros(median(samples, func(s sample) float64 { return float64(s.p50) })),
		micros(median(samples, func(s sample) float64 { return float64(s.p99) })))
	if name == direct {
		fmt.Fprintln(w, "\t\t\t")
		return
	}
	fmt.Fprintf(w, "\t%s\t%s\t%s\n", micros(added(results, s, name)),
		micros(median(samples, func(s sample) float64 { return float64(s.cpu) })),
		mebibytes(int64(median(samples, func(s sample) float64 { return float64(s.rss) }))))
}

func speed(s sample) float64 { return s.perSecond }

// added is the median's nanoseconds through a gateway beyond those of the executor alone.
func added(results map[key][]sample, s shape, gateway string) float64 {
	p50 := func(s sample) float64 { return float64(s.p50) }
	return median(results[key{s.name, gateway}], p50) - median(results[key{s.name, direct}], p50)
}

func median(samples []sample, of func(sample) float64) float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func micros(nanoseconds float64) string {
	return time.Duration(nanoseconds).Round(time.Microsecond).String()
}

func mebibytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB"
}
