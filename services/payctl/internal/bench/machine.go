package bench

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is what was measured on.
type Machine struct {
	CPUs   int     `json:"cpus"`
	Model  string  `json:"model,omitempty"`
	Memory float64 `json:"memory_gib,omitempty"`
	System string  `json:"system"`
	Go     string  `json:"go"`
}

// ThisMachine describes the machine we run on, as far as it tells.
func ThisMachine() Machine {
	kib, _ := strconv.ParseFloat(strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"), 64)
	return Machine{
		CPUs: runtime.NumCPU(), Model: field("/proc/cpuinfo", "model name"), Memory: float64(int(kib/(1<<20)*10)) / 10,
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
}

// field returns the first value of a name in a file of "name: value" lines.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// tick is the unit of times in /proc on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time that this process and all below it have used: the
// services, Postgres with its backends, the broker and the load generator.
func cpuTime() time.Duration {
	total := ownTime()
	stats := processes()
	for pid, s := range stats {
		if pid != os.Getpid() && below(stats, pid, os.Getpid()) {
			total += s.used
		}
	}
	return total
}

func ownTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// process is a line of /proc/<pid>/stat, as far as it matters.
type process struct {
	parent int
	used   time.Duration // its children that have ended included
}

// processes reads all processes; none where there is no /proc.
func processes() map[int]process {
	all := map[int]process{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if p, ok := parseStat(string(text)); ok && err == nil {
			all[pid] = p
		}
	}
	return all
}

// parseStat reads the fields 4 and 14 to 17 (proc(5)). The second is a name in
// parentheses that may hold anything.
func parseStat(text string) (process, bool) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return process{}, false
	}
	f := strings.Fields(text[end+1:])
	if len(f) < 15 {
		return process{}, false
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return process{}, false
	}
	p := process{parent: parent}
	for _, n := range f[11:15] {
		ticks, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return process{}, false
		}
		p.used += time.Duration(ticks) * tick
	}
	return p, true
}

// below tells whether pid descends from root.
func below(all map[int]process, pid, root int) bool {
	for range len(all) {
		p, ok := all[pid]
		if !ok {
			return false
		}
		if p.parent == root {
			return true
		}
		pid = p.parent
	}
	return false
}
