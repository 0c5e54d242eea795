package conf_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"github.com/payloom/payloom/pkg/conf"
)

type database struct {
	URL  conf.Secret   `env:"URL,required" desc:"where the database is"`
	Pool int           `env:"POOL" envDefault:"8" desc:"connections"`
	Wait time.Duration `env:"WAIT" envDefault:"3s" desc:"for a connection"`
}

func (d database) Validate() error {
	var errs []error
	if d.Pool < 1 {
		errs = append(errs, conf.Invalid("POOL", "is %d, must be at least 1", d.Pool))
	}
	if d.Wait < 0 {
		errs = append(errs, conf.Invalid("WAIT", "is negative"))
	}
	return errors.Join(errs...)
}

type Common struct {
	Level zapcore.Level `env:"LOG_LEVEL" envDefault:"info" desc:"debug, info, warn or error"`
	Name  string        `env:"INSTANCE" desc:"this process"`
}

var errNameTaken = errors.New("is taken")

func (c *Common) Validate() error {
	if c.Name == "taken" {
		return conf.Invalid("INSTANCE", "%w", errNameTaken)
	}
	return nil
}

type config struct {
	Common
	Read    database      `envPrefix:"READ_"`
	Write   database      `envPrefix:"WRITE_"`
	Hosts   []string      `env:"HOSTS" desc:"allowed hosts"`
	Keys    []conf.Secret `env:"KEYS"`
	Holder  conf.PII      `env:"HOLDER"`
	Debug   bool          `env:"DEBUG"`
	Ratio   float64       `env:"RATIO" envDefault:"0.5"`
	Kept    string        `env:"KEPT"`
	Derived string
	private string
}

func valid() map[string]string {
	return map[string]string{"READ_URL": "postgres://r", "WRITE_URL": "postgres://w"}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	env := valid()
	for k, v := range map[string]string{
		"LOG_LEVEL": "warn", "WRITE_POOL": "2", "READ_WAIT": "1m", "HOSTS": "a,b", "KEYS": "k1,k2", "HOLDER": "h", "DEBUG": "true",
	} {
		env[k] = v
	}
	got := config{Kept: "as before", private: "p"}
	if err := conf.Load(&got, env); err != nil {
		t.Fatal(err)
	}
	want := config{
		Common: Common{Level: zapcore.WarnLevel},
		Read:   database{"postgres://r", 8, time.Minute}, Write: database{"postgres://w", 2, 3 * time.Second},
		Hosts: []string{"a", "b"}, Keys: []conf.Secret{"k1", "k2"}, Holder: "h", Debug: true, Ratio: 0.5, Kept: "as before", private: "p",
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(config{})); d != "" {
		t.Error(d)
	}
}

func TestLoad_Wrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env  map[string]string
		want []string
	}{
		"everything missing or mistyped is told at once": {
			env: map[string]string{"READ_POOL": "many", "WRITE_WAIT": "5", "DEBUG": "perhaps", "RATIO": "half", "LOG_LEVEL": "loud"},
			want: []string{
				`DEBUG is "perhaps", not true or false`,
				`RATIO is "half", not a number`,
				`LOG_LEVEL is "loud": unrecognized level: "loud"`,
				`READ_URL is not set`,
				`READ_POOL is "many", not a whole number, or out of range`,
				`WRITE_URL is not set`,
				`WRITE_WAIT is "5", not a duration such as 500ms, 20s or 5m`,
			},
		},
		"rules name the variable with its prefix": {
			env:  with(valid(), "READ_POOL", "0", "READ_WAIT", "-1s", "WRITE_POOL", "-3"),
			want: []string{"READ_POOL is 0, must be at least 1", "READ_WAIT is negative", "WRITE_POOL is -3, must be at least 1"},
		},
		"an inherited rule is reported once": {
			env:  with(valid(), "INSTANCE", "taken"),
			want: []string{"INSTANCE is taken"},
		},
		"rules are not asked about values that were not read": {
			env:  map[string]string{"READ_URL": "u", "WRITE_URL": "u", "READ_POOL": "0", "READ_WAIT": "soon"},
			want: []string{`READ_WAIT is "soon", not a duration such as 500ms, 20s or 5m`},
		},
		"a reference that leads nowhere": {
			env:  with(valid(), "READ_URL", "env:NOBODY", "KEYS", "plain,file:/no/such/file"),
			want: []string{"KEYS open /no/such/file: no such file or directory", "READ_URL variable NOBODY is empty or not set"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := conf.Load(&config{}, tt.env)
			if err == nil {
				t.Fatal("no error")
			}
			if d := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

func with(env map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return env
}

func TestLoad_ErrorsCanBeCompared(t *testing.T) {
	t.Parallel()
	err := conf.Load(&config{}, map[string]string{"WRITE_URL": "u", "INSTANCE": "taken"})
	if !errors.Is(err, conf.ErrNotSet) || !errors.Is(err, errNameTaken) {
		t.Errorf("causes are lost: %v", err)
	}
	var one *conf.Error
	if !errors.As(err, &one) || one.Var == "" {
		t.Errorf("no *conf.Error with a variable in %v", err)
	}
	if err := conf.Load(config{}, nil); !errors.Is(err, conf.ErrNotAStruct) {
		t.Errorf("a struct by value: %v", err)
	}
}

func TestLoad_FollowsReferences(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	mustWrite(t, path, "from-file\n")
	env := with(valid(), "READ_URL", "file:"+path, "WRITE_URL", "env:OTHER", "OTHER", "from-env", "KEYS", "plain,file:"+path)
	var got config
	if err := conf.Load(&got, env); err != nil {
		t.Fatal(err)
	}
	keys := []conf.Secret{"plain", "from-file"}
	if got.Read.URL.Reveal() != "from-file" || got.Write.URL.Reveal() != "from-env" || !cmp.Equal(keys, got.Keys) {
		t.Error("a reference was not followed")
	}
}

func TestLoad_ErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	var dst struct {
		ByName map[string]conf.Secret `env:"BY_NAME"`
	}
	err := conf.Load(&dst, map[string]string{"BY_NAME": plainKey})
	if err == nil || err.Error() != "BY_NAME is malformed" {
		t.Fatalf("error is %v", err)
	}
	checkHidden(t, "error", fmt.Sprintf("%v %+v", err, errors.Unwrap(err)))
}

func TestLoad_ReadsTheProcessEnvironment(t *testing.T) {
	t.Setenv("CONF_TEST_POOL", "5")
	var dst struct {
		Pool int `env:"CONF_TEST_POOL"`
	}
	if err := conf.Load(&dst, nil); err != nil || dst.Pool != 5 {
		t.Errorf("Pool %d, error %v", dst.Pool, err)
	}
}

func TestResolveSecret(t *testing.T) {
	t.Setenv("CONF_TEST_KEY", "from-env")
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "key"), "from-file\r\n")
	mustWrite(t, filepath.Join(dir, "empty"), "\n")
	mustWrite(t, filepath.Join(dir, "huge"), strings.Repeat("x", 65<<10))
	tests := map[string]struct {
		ref  string
		want string
		err  string
	}{
		"a file without its line end":       {ref: "file:" + dir + "/key", want: "from-file"},
		"a variable":                        {ref: "env:CONF_TEST_KEY", want: "from-env"},
		"an empty file":                     {ref: "file:" + dir + "/empty", err: "is empty or not set"},
		"a file that is no secret":          {ref: "file:" + dir + "/huge", err: "larger than 65536 bytes"},
		"a missing file":                    {ref: "file:" + dir + "/none", err: "no such file"},
		"a missing variable":                {ref: "env:CONF_TEST_NONE", err: "variable CONF_TEST_NONE is empty or not set"},
		"a secret in place of a reference":  {ref: plainKey, err: "a secret's reference must be file:/path or env:NAME"},
		"nothing, which is not a reference": {ref: "", err: "must be file:/path or env:NAME"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := conf.ResolveSecret(tt.ref)
			if got.Reveal() != tt.want {
				t.Errorf("got %q, want %q", got.Reveal(), tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			checkHidden(t, "error", fmt.Sprint(err))
		})
	}
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
