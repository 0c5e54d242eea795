package webhook

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/wire"
)

const (
	asyncPage = "../../docs/asyncapi.yaml"
	queryPage = "../../services/state-tracker/openapi.yaml"
)

// generatedYAML matches a part that the test writes, at any depth.
var generatedYAML = regexp.MustCompile(`(?ms)^( *)# generated: (\w+)\n.*?^ *# end\n`)

// memberOf returns the name of an event's data in the proto file.
func memberOf(typ payment.EventType) string {
	var b strings.Builder
	for i, c := range string(typ) {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}

func ref(to string) yaml.MapSlice { return yaml.MapSlice{{Key: "$ref", Value: to}} }

// parts are what the test writes, by name.
func parts(t *testing.T) map[string]any {
	t.Helper()
	comments := protoComments(t)
	var channel, providers, webhooks yaml.MapSlice
	for _, typ := range payment.EventTypes() {
		channel = append(channel, yaml.MapItem{Key: string(typ), Value: ref("#/components/messages/" + string(typ))})
	}
	providers = yaml.MapSlice{{Key: "enum", Value: payment.Providers()}}
	var examples []any
	for _, typ := range []Type{PaymentCaptured, PayoutPaid} {
		examples = append(examples, yaml.MapSlice{{Key: "name", Value: string(typ)}, {Key: "payload", Value: ordered(t, webhookExample(t, typ))}})
	}
	webhooks = yaml.MapSlice{{Key: "examples", Value: examples}}
	return map[string]any{
		"events": channel, "providers": providers, "webhooks": webhooks,
		"messages": messageParts(t, comments), "schemas": schemaParts(comments),
	}
}

// ordered reads JSON without losing the order of its members.
func ordered(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	return v
}

func messageParts(t *testing.T, comments map[string]string) yaml.MapSlice {
	t.Helper()
	command, err := wire.CommandJSON(payment.Command{
		ID: payment.DeriveCommandID("demo", "take"), Merchant: "demo", ReqID: "take", Payment: "order-10042",
		Provider: payment.Computop, Kind: payment.Capture, Amount: euros(12990), Reference: "10042",
	})
	if err != nil {
		t.Fatal(err)
	}
	all := yaml.MapSlice{{Key: "Command", Value: message("Command", comments["Command"], ref("#/components/schemas/Command"), ordered(t, command))}}
	records := examples(t)
	for _, typ := range payment.EventTypes() {
		payload := yaml.MapSlice{
			{Key: "allOf", Value: []any{ref("#/components/schemas/Event")}}, {Key: "required", Value: []string{memberOf(typ)}},
		}
		m := message(string(typ), comments[string(typ)], payload, ordered(t, mustEventJSON(t, records[typ])))
		all = append(all, yaml.MapItem{Key: string(typ), Value: m})
	}
	return all
}

func message(name, summary string, payload yaml.MapSlice, example any) yaml.MapSlice {
	return yaml.MapSlice{
		{Key: "name", Value: "payloom." + name}, {Key: "summary", Value: summary},
		{Key: "traits", Value: []any{ref("#/components/messageTraits/CloudEvent")}},
		{Key: "payload", Value: payload},
		{Key: "examples", Value: []any{yaml.MapSlice{{Key: "payload", Value: example}}}},
	}
}

func schemaParts(comments map[string]string) yaml.MapSlice {
	all := yaml.MapSlice{{Key: "WebhookType", Value: yaml.MapSlice{{Key: "type", Value: "string"}, {Key: "enum", Value: Types()}}}}
	found := messages()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, yaml.MapItem{Key: name, Value: protoSchema(found[name], comments)})
	}
	more := enums(comments)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		all = append(all, yaml.MapItem{Key: name, Value: more[name]})
	}
	return all
}

// TestDocs_AsyncAPI keeps the generated parts of the file true.
func TestDocs_AsyncAPI(t *testing.T) {
	t.Parallel()
	page, write := mustRead(t, asyncPage), parts(t)
	want := generatedYAML.ReplaceAllStringFunc(page, func(part string) string {
		m := generatedYAML.FindStringSubmatch(part)
		indent, name := m[1], m[2]
		content, ok := write[name]
		if !ok {
			t.Errorf("a part called %s", name)
		}
		text, err := yaml.MarshalWithOptions(content, yaml.Indent(2), yaml.IndentSequence(true))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s# generated: %s\n", indent, name)
		for line := range strings.Lines(string(text)) {
			b.WriteString(indent + line)
		}
		fmt.Fprintf(&b, "%s# end\n", indent)
		return b.String()
	})
	checkPage(t, asyncPage, page, want)
}

// document is the part of the file that the tests look at.
type document struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct {
		Address  *string        `yaml:"address"`
		Messages map[string]any `yaml:"messages"`
	} `yaml:"channels"`
	Operations map[string]any `yaml:"operations"`
	Components struct {
		Messages map[string]struct {
			Payload  any              `yaml:"payload"`
			Examples []map[string]any `yaml:"examples"`
		} `yaml:"messages"`
		Schemas map[string]schema `yaml:"schemas"`
	} `yaml:"components"`
}

type schema struct {
	Type       string         `yaml:"type"`
	Enum       []string       `yaml:"enum"`
	Required   []string       `yaml:"required"`
	Properties map[string]any `yaml:"properties"`
}

func mustYAML[T any](t *testing.T, path string) (v T) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(mustRead(t, path)), &v); err != nil {
		t.Fatalf("%s is no YAML: %v", path, err)
	}
	return v
}

func TestAsyncAPI_NothingIsLeftOut(t *testing.T) {
	t.Parallel()
	d := mustYAML[document](t, asyncPage)
	if d.AsyncAPI != "3.0.0" || len(d.Operations) != 3 {
		t.Errorf("asyncapi %s with %d operations", d.AsyncAPI, len(d.Operations))
	}
	for name, address := range map[string]string{
		"commands": "pay.cmd.{shard}.{provider}.{merchant}.{command_id}", "events": "pay.evt.{shard}.{provider}.{merchant}.{payment_id}",
	} {
		if got := d.Channels[name].Address; got == nil || *got != address {
			t.Errorf("channel %s is not at %s", name, address)
		}
	}
	if len(d.Channels["webhooks"].Messages) != 1 {
		t.Error("the channel of webhooks has no message")
	}
	for _, typ := range payment.EventTypes() {
		m, ok := d.Components.Messages[string(typ)]
		if _, told := d.Channels["events"].Messages[string(typ)]; !ok || !told || len(m.Examples) == 0 || m.Payload == nil {
			t.Errorf("%s is not described", typ)
		}
		if _, ok := d.Components.Schemas["Event"].Properties[memberOf(typ)]; !ok {
			t.Errorf("an event has no %s", memberOf(typ))
		}
	}
	if n, want := len(d.Channels["events"].Messages), len(payment.EventTypes()); n != want {
		t.Errorf("%d messages are events, want %d", n, want)
	}
}

var reference = regexp.MustCompile(`\$ref: ["']?#/([\w/]+)`)

// TestAsyncAPI_ReferencesLead follows every reference of the file.
func TestAsyncAPI_ReferencesLead(t *testing.T) {
	t.Parallel()
	page, root := mustRead(t, asyncPage), mustYAML[map[string]any](t, asyncPage)
	found := reference.FindAllStringSubmatch(page, -1)
	if len(found) < 100 || len(found) != strings.Count(page, "$ref") {
		t.Fatalf("%d references of %d were read", len(found), strings.Count(page, "$ref"))
	}
	for _, m := range found {
		var at any = root
		for step := range strings.SplitSeq(m[1], "/") {
			inner, _ := at.(map[string]any)
			at = inner[step]
		}
		if at == nil {
			t.Errorf("#/%s leads nowhere", m[1])
		}
	}
}

// fieldsOf returns the JSON names of a struct, and those that are always there.
func fieldsOf(typ reflect.Type) (all, required []string) {
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	return slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(required))
}

func bodies() map[string]reflect.Type {
	return map[string]reflect.Type{
		"Body": reflect.TypeFor[Body](), "Data": reflect.TypeFor[Data](), "Event": reflect.TypeFor[Event](), "Payment": reflect.TypeFor[Payment](),
		"Operation": reflect.TypeFor[Operation](), "Money": reflect.TypeFor[Money](), "Mandate": reflect.TypeFor[Mandate](),
		"Buyer": reflect.TypeFor[Buyer](), "Address": reflect.TypeFor[Address](),
	}
}

// TestAsyncAPI_Bodies holds the schemas of webhooks to what is sent.
func TestAsyncAPI_Bodies(t *testing.T) {
	t.Parallel()
	d := mustYAML[document](t, asyncPage)
	for name, typ := range bodies() {
		s := d.Components.Schemas["Webhook"+name]
		all, required := fieldsOf(typ)
		if diff := cmp.Diff(all, slices.Sorted(maps.Keys(s.Properties))); diff != "" {
			t.Errorf("Webhook%s (-code +file):\n%s", name, diff)
		}
		if diff := cmp.Diff(required, slices.Sorted(slices.Values(s.Required))); diff != "" {
			t.Errorf("Webhook%s always has (-code +file):\n%s", name, diff)
		}
	}
}

// TestBody_IsTheQueryAPIs holds that a receiver can read a webhook's payment with
// what reads the query API's.
func TestBody_IsTheQueryAPIs(t *testing.T) {
	t.Parallel()
	d := mustYAML[document](t, queryPage)
	for _, name := range []string{"Payment", "Operation", "Money", "Mandate", "Buyer", "Address"} {
		s := d.Components.Schemas[name]
		all, always := fieldsOf(bodies()[name])
		for _, f := range all {
			if _, ok := s.Properties[f]; !ok {
				t.Errorf("%s.%s is unknown to the query API", name, f)
			}
		}
		for _, f := range s.Required {
			if !slices.Contains(always, f) {
				t.Errorf("%s.%s, which the query API always has, may be missing", name, f)
			}
		}
	}
}
