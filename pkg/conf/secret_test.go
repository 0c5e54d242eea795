package conf_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/payloom/payloom/pkg/conf"
)

const (
	plainKey  = "k3y-canary"
	plainName = "n4me-canary"
)

type holder struct {
	Key  conf.Secret
	Name conf.PII
	List []conf.Secret
	Map  map[string]conf.Secret
	Ptr  *conf.Secret
}

func newHolder() holder {
	key := conf.Secret(plainKey)
	return holder{
		Key: key, Name: plainName, List: []conf.Secret{key},
		Map: map[string]conf.Secret{"id": key}, Ptr: &key,
	}
}

func checkHidden(t *testing.T, how, out string) {
	t.Helper()
	for _, plain := range []string{plainKey, plainName, fmt.Sprintf("%x", plainKey), fmt.Sprintf("%X", plainName)} {
		if strings.Contains(out, plain) {
			t.Errorf("%s shows %q: %s", how, plain, out)
		}
	}
}

func TestSecret_IsNotFormatted(t *testing.T) {
	t.Parallel()
	h := newHolder()
	values := map[string]any{"secret": h.Key, "pii": h.Name, "pointer": h.Ptr, "struct": h, "struct pointer": &h, "list": h.List, "map": h.Map}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%#x"} {
		for kind, v := range values {
			checkHidden(t, kind+" as "+verb, fmt.Sprintf(verb, v))
		}
	}
	if got := fmt.Sprint(h.Key, h.Name); got != "[secret][redacted]" {
		t.Errorf("printed %q", got)
	}
	if got := fmt.Errorf("calling with %v", h.Key).Error(); got != "calling with [secret]" {
		t.Errorf("in an error: %q", got)
	}
}

func TestSecret_IsNotMarshalled(t *testing.T) {
	t.Parallel()
	h := newHolder()
	b, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	checkHidden(t, "json", string(b))
	if !strings.Contains(string(b), `"Key":"[secret]","Name":"[redacted]"`) {
		t.Errorf("json is %s", b)
	}
	type element struct {
		Key  conf.Secret
		Name conf.PII `xml:",attr"`
	}
	b, err = xml.Marshal(element{h.Key, h.Name})
	if err != nil {
		t.Fatal(err)
	}
	checkHidden(t, "xml", string(b))
}

func TestSecret_IsNotLogged(t *testing.T) {
	t.Parallel()
	h := newHolder()
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
	log.Info("any", zap.Any("a", h.Key), zap.Any("b", h.Name), zap.Any("c", h), zap.Any("d", h.List), zap.Any("e", h.Map), zap.Any("f", h.Ptr))
	log.Info("reflect", zap.Reflect("a", h.Key), zap.Reflect("b", h), zap.Reflect("c", h.Map))
	log.Info("other", zap.Stringer("a", h.Key), zap.Object("b", h.Name), zap.Stringer("c", h.Name))
	log.Sugar().Infow("sugar", "key", h.Key, "name", h.Name, "all", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("slog", "key", h.Key, "name", h.Name, "all", h)
	checkHidden(t, "log", out.String())
	if n := strings.Count(out.String(), "\n"); n != 5 {
		t.Errorf("%d log lines, want 5: %s", n, out.String())
	}
}

func TestSecret_Reveal(t *testing.T) {
	t.Parallel()
	h := newHolder()
	if h.Key.Reveal() != plainKey || h.Name.Reveal() != plainName {
		t.Error("Reveal does not return the value")
	}
}
