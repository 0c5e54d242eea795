package gestpay

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxBody is the longest document that is read, in bytes.
const MaxBody = 1 << 20

// maxDepth bounds how deep elements may stand in each other; the deepest answer
// known has nine levels.
const maxDepth = 32

// ErrXML marks a document that is not read: too long, not well-formed, or with
// a document type, which could pull in files and grow without bound.
var ErrXML = errors.New("gestpay: document refused")

// Node is an XML element. Its text is what stands directly in it, unescaped.
type Node struct {
	Space    string // namespace URI
	Name     string // without prefix
	Text     string
	Nil      bool // xsi:nil
	Children []Node
}

// Leaf returns an element that holds text only.
func Leaf(name, text string) Node { return Node{Name: name, Text: text} }

// Child returns the first child with that name in any namespace.
func (n Node) Child(name string) (Node, bool) {
	for _, c := range n.Children {
		if c.Name == name {
			return c, true
		}
	}
	return Node{}, false
}

// only returns the child with that name if there is exactly one.
func (n Node) only(name string) (Node, bool) {
	var named []Node
	for _, c := range n.Children {
		if c.Name == name {
			named = append(named, c)
		}
	}
	if len(named) != 1 {
		return Node{}, false
	}
	return named[0], true
}

// Get returns the text at the end of a path of names, trimmed and without the
// CDATA wrapper that buyer data comes in, or "".
func (n Node) Get(path ...string) string {
	for _, name := range path {
		next, found := n.Child(name)
		if !found {
			return ""
		}
		n = next
	}
	return n.value()
}

// value is the element's text as it was meant. The service escapes a CDATA
// section of its own in buyer data, so that one wrapper is left after parsing.
func (n Node) value() string {
	text := strings.TrimSpace(n.Text)
	if inner, found := strings.CutPrefix(text, "<![CDATA["); found {
		if inner, found = strings.CutSuffix(inner, "]]>"); found {
			return inner
		}
	}
	return text
}

// ParseXML reads one document. Its errors wrap ErrXML and quote nothing of it.
func ParseXML(body []byte) (Node, error) {
	if len(body) > MaxBody {
		return Node{}, fmt.Errorf("%w: longer than %d bytes", ErrXML, MaxBody)
	}
	p := parser{dec: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))}
	root, err := p.document()
	if err != nil {
		return Node{}, fmt.Errorf("%w: %w", ErrXML, err)
	}
	return root, nil
}

var (
	errDoctype   = errors.New("DOCTYPE is refused")
	errMalformed = errors.New("not well-formed")
	errDeep      = errors.New("too deep")
)

type parser struct {
	dec  *xml.Decoder
	root *Node
}

// document reads to the very end: what follows the root must be nothing.
func (p *parser) document() (Node, error) {
	for {
		token, err := p.dec.Token()
		if errors.Is(err, io.EOF) && p.root != nil {
			return *p.root, nil
		}
		if err != nil {
			return Node{}, errMalformed
		}
		if err := p.outside(token); err != nil {
			return Node{}, err
		}
	}
}

// outside handles what stands outside the root.
func (p *parser) outside(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		return errDoctype
	case xml.CharData:
		if len(bytes.TrimSpace(t)) > 0 {
			return errMalformed
		}
	case xml.StartElement:
		if p.root != nil {
			return errMalformed
		}
		root, err := p.element(t, 1)
		if err != nil {
			return err
		}
		p.root = &root
	}
	return nil
}

func (p *parser) element(start xml.StartElement, depth int) (Node, error) {
	n := Node{Space: start.Name.Space, Name: start.Name.Local, Nil: isNil(start)}
	if depth > maxDepth {
		return n, errDeep
	}
	var text strings.Builder
	for {
		token, err := p.dec.Token()
		if err != nil {
			return n, errMalformed
		}
		switch t := token.(type) {
		case xml.Directive:
			return n, errDoctype
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			child, err := p.element(t, depth+1)
			if err != nil {
				return n, err
			}
			n.Children = append(n.Children, child)
		case xml.EndElement:
			n.Text = text.String()
			return n, nil
		}
	}
}

func isNil(start xml.StartElement) bool {
	for _, a := range start.Attr {
		if a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1") {
			return true
		}
	}
	return false
}

// write renders the element; inherited is the namespace it stands in.
func (n Node) write(out *bytes.Buffer, inherited string) {
	out.WriteByte('<')
	out.WriteString(n.Name)
	if n.Space != inherited {
		out.WriteString(` xmlns="`)
		escape(out, n.Space)
		out.WriteByte('"')
	}
	if n.Text == "" && len(n.Children) == 0 {
		out.WriteString("/>")
		return
	}
	out.WriteByte('>')
	escape(out, n.Text)
	for _, c := range n.Children {
		c.write(out, n.Space)
	}
	out.WriteString("</" + n.Name + ">")
}

func escape(out *bytes.Buffer, text string) {
	// A bytes.Buffer takes everything.
	_ = xml.EscapeText(out, []byte(text))
}

// writable tells whether XML 1.0 has a way to write the text at all.
func writable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
	})
}
