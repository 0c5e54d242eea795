package pgbox

import "os"

// RunMark is an environment variable that a test run sets, and that what it starts
// hands on however bare its environment is otherwise: what outlives the run is known
// by it.
const RunMark = "PAYLOOM_TEST_RUN"

// bare returns the environment of a program that needs nothing of ours but where
// programs are.
func bare(more ...string) []string {
	env := append([]string{"PATH=" + os.Getenv("PATH")}, more...)
	if mark, ok := os.LookupEnv(RunMark); ok {
		env = append(env, RunMark+"="+mark)
	}
	return env
}
