package service

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Version returns the module version this program was built from with its
// revision, or "devel" for a build outside version control.
func Version() string {
	version, revision := built()
	if revision == "" {
		return version
	}
	return version + " (" + revision + ")"
}

// built reads what the Go linker noted in the program.
func built() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel", ""
	}
	version = info.Main.Version
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value[:min(12, len(s.Value))]
		}
	}
	return version, revision
}

// newBuildInfo is the usual gauge of value 1 whose labels tell the build.
func newBuildInfo(name string) prometheus.Collector {
	version, revision := built()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "payloom_build_info",
		Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{
			"service": name, "version": version, "revision": revision, "go_version": runtime.Version(),
		},
	})
	g.Set(1)
	return g
}
