package chaos

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// sampleReport is a run of a minute, with every fault.
func sampleReport() Report {
	r := Report{
		Payments: 200, Seed: 7, Brokers: 3, Durability: "laptop", StormS: 40, DrainS: 20, TookS: 60,
		Faults: map[string]Injected{}, Settled: 200,
	}
	for i, f := range List() {
		at := float64(i)
		r.Faults[f.Name] = Injected{Injected: 2, Times: []Window{{Start: at, End: at + 8, What: "a <b> & c"}, {Start: at + 12, End: at + 12}}}
	}
	for i := range 120 {
		at := float64(i) / 2
		r.Samples = append(r.Samples, Sample{At: at, Accepted: 4 * i, Ended: 3 * i, Open: i % 40})
	}
	return r
}

// TestSVG_IsWellFormedAndComplete also has what faults hit escaped.
func TestSVG_IsWellFormedAndComplete(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	picture := string(r.SVG())
	bars := 0
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "title" {
			bars++
		}
	}
	if want := 2 * len(List()); bars != want {
		t.Errorf("%d bars, want %d", bars, want)
	}
	for _, f := range List() {
		if !strings.Contains(picture, ">"+f.Name+"</text>") {
			t.Errorf("%s has no name in it", f.Name)
		}
	}
	if !strings.Contains(picture, "0 lost, 0 doubled, 0 stuck") {
		t.Error("it does not say how it ended")
	}
}

// TestPicture_NothingOverlapsOrLeavesThePaper holds all bars against their lanes.
func TestPicture_NothingOverlapsOrLeavesThePaper(t *testing.T) {
	t.Parallel()
	p := sampleReport().picture()
	if p.Rates.Bottom >= p.Open.Top || p.Open.Bottom >= p.LanesTop || p.LanesEnd >= p.Height {
		t.Errorf("panels overlap: %+v", p)
	}
	for i, l := range p.Lanes {
		for _, b := range l.Bars {
			if b.X < left || b.X+b.Width > right+thinnest || b.Y < lanesTop+laneHigh*float64(i) || b.Y+b.Height > lanesTop+laneHigh*float64(i+1) {
				t.Errorf("%s: %+v", l.Name, b)
			}
		}
	}
	for i := 1; i < len(p.Ticks); i++ {
		if p.Ticks[i].At-p.Ticks[i-1].At < 60 {
			t.Errorf("labels at %v and %v are too near", p.Ticks[i-1], p.Ticks[i])
		}
	}
}

func TestSVG_OfNothing(t *testing.T) {
	t.Parallel()
	if picture := string((Report{}).SVG()); strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") {
		t.Error(picture)
	}
}
