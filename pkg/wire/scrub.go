package wire

import (
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// marshalScrubbed is marshal for what must be storable whatever others wrote into
// it. Looking for text that is not UTF-8 costs nothing while there is none:
// encoding looks anyway.
func (c *coder) marshalScrubbed(m proto.Message, what string) ([]byte, error) {
	data, err := c.marshal(m, what)
	if err == nil || c.err != nil {
		return data, err
	}
	copied := proto.Clone(m) // m shares maps and slices with the caller's value
	scrub(copied.ProtoReflect())
	return c.marshal(copied, what)
}

// scrub replaces what is not UTF-8 in m's text.
func scrub(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			scrubMap(fd, v.Map())
		case fd.IsList():
			scrubList(fd, v.List())
		default:
			if clean, changed := scrubValue(fd, v); changed {
				m.Set(fd, clean)
			}
		}
		return true
	})
}

func scrubList(fd protoreflect.FieldDescriptor, l protoreflect.List) {
	for i := range l.Len() {
		if clean, changed := scrubValue(fd, l.Get(i)); changed {
			l.Set(i, clean)
		}
	}
}

func scrubMap(fd protoreflect.FieldDescriptor, entries protoreflect.Map) {
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		v, changed := scrubValue(fd.MapValue(), v)
		if key := k.String(); !utf8.ValidString(key) {
			entries.Clear(k)
			k, changed = protoreflect.ValueOfString(valid(key)).MapKey(), true
		}
		if changed {
			entries.Set(k, v)
		}
		return true
	})
}

// scrubValue returns v without what is not UTF-8, and whether that is another
// value. Messages are scrubbed where they are.
func scrubValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) (protoreflect.Value, bool) {
	if fd.Kind() == protoreflect.MessageKind {
		scrub(v.Message())
		return v, false
	}
	if fd.Kind() != protoreflect.StringKind || utf8.ValidString(v.String()) {
		return v, false
	}
	return protoreflect.ValueOfString(valid(v.String())), true
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
