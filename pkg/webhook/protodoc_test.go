package webhook

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/payloom/payloom/proto/payloom/v1"
)

const protoFolder = "../../proto/payloom/v1"

var (
	scopeLine = regexp.MustCompile(`^(message|enum|oneof) (\w+) \{$`)
	fieldLine = regexp.MustCompile(`^(?:repeated |optional )?(?:map<[^>]+>|[\w.]+) (\w+) = \d+`)
	valueLine = regexp.MustCompile(`^([A-Z0-9_]+) = \d+;$`)
)

// protoComments returns the comments of the proto files by "Message",
// "Message.field", "Enum" and "Enum.VALUE". Generated code has none.
func protoComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(protoFolder + "/*.proto")
	if err != nil || len(files) == 0 {
		t.Fatalf("no proto files: %v", err)
	}
	all := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		readComments(string(text), all)
	}
	return all
}

func readComments(text string, all map[string]string) {
	var scopes, comment []string // scopes hold "" where a brace opens no name of its own
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if words, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(words))
			continue
		}
		said := strings.Join(comment, " ")
		if m := scopeLine.FindStringSubmatch(line); m != nil {
			name := m[2]
			if m[1] == "oneof" {
				name = ""
			} else {
				all[name] = said
			}
			scopes, comment = append(scopes, name), nil
			continue
		}
		for _, p := range []*regexp.Regexp{fieldLine, valueLine} {
			if m := p.FindStringSubmatch(line); m != nil {
				all[innermost(scopes)+"."+m[1]] = said
			}
		}
		for _, c := range line {
			switch {
			case c == '{':
				scopes = append(scopes, "")
			case c == '}' && len(scopes) > 0:
				scopes = scopes[:len(scopes)-1]
			}
		}
		comment = nil
	}
}

func innermost(scopes []string) string {
	for i := len(scopes) - 1; i >= 0; i-- {
		if scopes[i] != "" {
			return scopes[i]
		}
	}
	return ""
}

// messages returns the descriptors of all messages that stand in commands and
// events, by name.
func messages() map[string]protoreflect.MessageDescriptor {
	all := map[string]protoreflect.MessageDescriptor{}
	for _, m := range []protoreflect.ProtoMessage{&pb.Event{}, &pb.Command{}} {
		reach(m.ProtoReflect().Descriptor(), all)
	}
	return all
}

func reach(m protoreflect.MessageDescriptor, all map[string]protoreflect.MessageDescriptor) {
	if _, seen := all[string(m.Name())]; seen || m.IsMapEntry() || m.Name() == "Timestamp" {
		return
	}
	all[string(m.Name())] = m
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); f.Kind() == protoreflect.MessageKind {
			reach(f.Message(), all)
		}
	}
}

// typeName says for people what a field holds in JSON.
func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "object of text"
	case f.IsList():
		return "list of " + single(f)
	}
	return single(f)
}

func single(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.MessageKind:
		if f.Message().Name() == "Timestamp" {
			return "time"
		}
		return string(f.Message().Name())
	case protoreflect.EnumKind:
		return string(f.Enum().Name())
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return "number, written as text"
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return "number"
	case protoreflect.BytesKind:
		return "base64"
	default:
		return "text"
	}
}

// fieldTable returns the fields of a message as a table.
func fieldTable(t *testing.T, name string, comments map[string]string) string {
	t.Helper()
	m, ok := messages()[name]
	if !ok {
		t.Fatalf("no message %s", name)
	}
	var b strings.Builder
	b.WriteString("| field | holds | meaning |\n| --- | --- | --- |\n")
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if f.ContainingOneof() != nil {
			continue // what happened has sections of its own
		}
		said := comments[name+"."+string(f.Name())]
		if said == "" {
			t.Errorf("%s.%s has no comment", name, f.Name())
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name(), typeName(f), said)
	}
	return b.String()
}

// protoSchema returns the JSON schema of a message.
func protoSchema(m protoreflect.MessageDescriptor, comments map[string]string) yaml.MapSlice {
	var properties yaml.MapSlice
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		s := fieldSchema(f)
		if said := comments[string(m.Name())+"."+string(f.Name())]; said != "" {
			s = append(s, yaml.MapItem{Key: "description", Value: said})
		}
		properties = append(properties, yaml.MapItem{Key: string(f.Name()), Value: s})
	}
	return yaml.MapSlice{
		{Key: "type", Value: "object"}, {Key: "description", Value: comments[string(m.Name())]}, {Key: "properties", Value: properties},
	}
}

func fieldSchema(f protoreflect.FieldDescriptor) yaml.MapSlice {
	switch {
	case f.IsMap():
		return yaml.MapSlice{{Key: "type", Value: "object"}, {Key: "additionalProperties", Value: yaml.MapSlice{{Key: "type", Value: "string"}}}}
	case f.IsList():
		return yaml.MapSlice{{Key: "type", Value: "array"}, {Key: "items", Value: singleSchema(f)}}
	}
	return singleSchema(f)
}

func singleSchema(f protoreflect.FieldDescriptor) yaml.MapSlice {
	of := func(pairs ...string) (s yaml.MapSlice) {
		for i := 0; i < len(pairs); i += 2 {
			s = append(s, yaml.MapItem{Key: pairs[i], Value: pairs[i+1]})
		}
		return s
	}
	switch f.Kind() {
	case protoreflect.MessageKind:
		if f.Message().Name() == "Timestamp" {
			return of("type", "string", "format", "date-time")
		}
		return of("$ref", "#/components/schemas/"+string(f.Message().Name()))
	case protoreflect.EnumKind:
		return of("$ref", "#/components/schemas/"+string(f.Enum().Name()))
	case protoreflect.BoolKind:
		return of("type", "boolean")
	case protoreflect.Int64Kind:
		return of("type", "string", "format", "int64")
	case protoreflect.Uint64Kind:
		return of("type", "string", "format", "uint64")
	case protoreflect.Int32Kind, protoreflect.Uint32Kind:
		return of("type", "integer")
	case protoreflect.BytesKind:
		return of("type", "string", "contentEncoding", "base64")
	default:
		return of("type", "string")
	}
}

// enums returns the schemas of the enums that messages use.
func enums(comments map[string]string) map[string]yaml.MapSlice {
	all := map[string]yaml.MapSlice{}
	for _, m := range messages() {
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if f.Kind() != protoreflect.EnumKind {
				continue
			}
			var values []string
			for j := range f.Enum().Values().Len() {
				values = append(values, string(f.Enum().Values().Get(j).Name()))
			}
			name := string(f.Enum().Name())
			all[name] = yaml.MapSlice{{Key: "type", Value: "string"}, {Key: "description", Value: comments[name]}, {Key: "enum", Value: values}}
		}
	}
	return all
}
