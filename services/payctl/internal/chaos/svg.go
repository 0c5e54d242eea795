package chaos

import (
	"bytes"
	_ "embed" // the picture's template
	"fmt"
	"html/template"
	"math"
	"strings"
)

//go:embed timeline.svg.tmpl
var timelineText string

var timeline = template.Must(template.New("timeline").Parse(timelineText))

// The measures of the picture, in pixels.
const (
	picWidth   = 1200.0
	left       = 236.0 // names of faults stand there
	right      = 1170.0
	ratesTop   = 112.0
	ratesHigh  = 150.0
	openTop    = 310.0
	openHigh   = 90.0
	lanesTop   = 450.0
	laneHigh   = 22.0
	barHigh    = 12.0
	thinnest   = 3.0 // of a bar, so that it is seen
	axisHigh   = 44.0
	rateWindow = 4 // samples that a rate is taken over
)

// picture is what the template draws.
type picture struct {
	Width, Height, Left, Right float64
	Title, Subtitle            string
	Verdict                    string
	Good                       bool
	Rates, Open                panel
	Accepted, Completed, Area  string // points
	Lanes                      []lane
	Ticks                      []tick
	LanesTop, LanesEnd, Healed float64
}

// panel is one diagram with its scale.
type panel struct {
	Top, Bottom, Left, Right float64
	Title                    string
	Lines                    []tick
}

// tick is a line of a scale, with its label.
type tick struct {
	At    float64
	Label string
}

// lane shows when one fault was there.
type lane struct {
	Name   string
	Middle float64
	Shade  bool
	Bars   []bar
	Count  string
}

type bar struct {
	X, Y, Width, Height float64
	Title               string
}

// SVG returns a picture of the run: rates, open payments, and when what went wrong.
func (r Report) SVG() []byte {
	var out bytes.Buffer
	if err := timeline.Execute(&out, r.picture()); err != nil {
		return []byte(err.Error()) // our own template and values always fit
	}
	return out.Bytes()
}

func (r Report) picture() picture {
	end := math.Max(r.TookS, 1)
	x := func(s float64) float64 { return left + (right-left)*math.Min(s/end, 1) }
	p := picture{
		Width: picWidth, Left: left, Right: right, LanesTop: lanesTop, Healed: x(end - r.DrainS),
		Title:    fmt.Sprintf("%d payments while %d kinds of fault happened %d times", r.Payments, len(r.Faults), r.injections()),
		Subtitle: fmt.Sprintf("seed %d, %d broker node(s), durability %s, faults for %.0f s, quiet %.0f s after the last", r.Seed, r.Brokers, r.Durability, r.StormS, r.DrainS),
		Verdict:  fmt.Sprintf("%d lost, %d doubled, %d stuck, %d violations", r.Lost, r.Doubled, r.Stuck, len(r.Violations)),
		Good:     r.OK(),
	}
	p.drawRates(r.Samples, x)
	p.drawOpen(r.Samples, x)
	p.drawLanes(r.Faults, x)
	p.LanesEnd = lanesTop + laneHigh*float64(len(p.Lanes))
	p.Height = p.LanesEnd + axisHigh
	step := niceStep(end / 8)
	for s := 0.0; s <= end; s += step {
		p.Ticks = append(p.Ticks, tick{x(s), fmt.Sprintf("%.0f s", s)})
	}
	return p
}

func (r Report) injections() int {
	n := 0
	for _, f := range r.Faults {
		n += f.Injected
	}
	return n
}

// drawRates draws how many were accepted and ended per second.
func (p *picture) drawRates(samples []Sample, x func(float64) float64) {
	type rate struct{ at, accepted, ended float64 }
	var all []rate
	most := 1.0
	for i := rateWindow; i < len(samples); i++ {
		a, b := samples[i-rateWindow], samples[i]
		d := b.At - a.At
		one := rate{b.At, float64(b.Accepted-a.Accepted) / d, float64(b.Ended-a.Ended) / d}
		most = max(most, one.accepted, one.ended)
		all = append(all, one)
	}
	y := p.Rates.scale("per second", ratesTop, ratesHigh, most)
	for _, one := range all {
		p.Accepted += point(x(one.at), y(one.accepted))
		p.Completed += point(x(one.at), y(one.ended))
	}
}

// drawOpen draws how many were under way.
func (p *picture) drawOpen(samples []Sample, x func(float64) float64) {
	most := 1.0
	for _, s := range samples {
		most = max(most, float64(s.Open))
	}
	y := p.Open.scale("payments under way", openTop, openHigh, most)
	var area strings.Builder
	last := left
	area.WriteString(point(left, p.Open.Bottom))
	for _, s := range samples {
		last = x(s.At)
		area.WriteString(point(last, y(float64(s.Open))))
	}
	area.WriteString(point(last, p.Open.Bottom))
	p.Area = area.String()
}

// scale sets a panel's lines for values up to most, and returns where a value is.
func (p *panel) scale(title string, top, high, most float64) func(float64) float64 {
	step := niceStep(most / 3)
	most = math.Ceil(most/step) * step
	*p = panel{Top: top, Bottom: top + high, Left: left, Right: right, Title: title}
	y := func(v float64) float64 { return top + high - high*v/most }
	for v := 0.0; v <= most; v += step {
		p.Lines = append(p.Lines, tick{y(v), fmt.Sprintf("%.0f", v)})
	}
	return y
}

func point(x, y float64) string { return fmt.Sprintf("%.1f,%.1f ", x, y) }

// niceStep returns the next of 1, 2, 5, 10, 20, … that is not below v.
func niceStep(v float64) float64 {
	for step := 1.0; ; step *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if step*m >= v {
				return step * m
			}
		}
	}
}

// drawLanes draws a bar for every time that a fault was there.
func (p *picture) drawLanes(faults map[string]Injected, x func(float64) float64) {
	for _, f := range List() {
		in, chosen := faults[f.Name]
		if !chosen {
			continue
		}
		middle := lanesTop + laneHigh*(float64(len(p.Lanes))+0.5)
		l := lane{Name: f.Name, Middle: middle, Shade: len(p.Lanes)%2 == 0, Count: fmt.Sprintf("%d ×", in.Injected)}
		for _, w := range in.Times {
			l.Bars = append(l.Bars, bar{
				X: x(w.Start), Y: middle - barHigh/2, Width: math.Max(x(w.End)-x(w.Start), thinnest), Height: barHigh,
				Title: fmt.Sprintf("%s: %s, %.1f to %.1f s", f.Name, w.What, w.Start, w.End),
			})
		}
		p.Lanes = append(p.Lanes, l)
	}
}
