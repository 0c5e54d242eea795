package gestpay

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

// Version is a version of SOAP. The services speak both at the same address.
type Version string

// The versions. Every recorded exchange of the service is 1.1, so that is the
// one to choose.
const (
	SOAP11 Version = "1.1"
	SOAP12 Version = "1.2"
)

// Namespaces of the envelope by version.
const (
	namespace11 = "http://schemas.xmlsoap.org/soap/envelope/"
	namespace12 = "http://www.w3.org/2003/05/soap-envelope"
)

// EnvelopeNamespace is the namespace of the version's envelope.
func (v Version) EnvelopeNamespace() string {
	if v == SOAP12 {
		return namespace12
	}
	return namespace11
}

// ContentType is the media type of a message without an action.
func (v Version) ContentType() string {
	if v == SOAP12 {
		return "application/soap+xml; charset=utf-8"
	}
	return "text/xml; charset=utf-8"
}

// Message is a request, ready to be posted.
type Message struct {
	Action      string // value of the header SOAPAction, quotes included; "" with SOAP 1.2
	ContentType string
	Body        []byte
}

// Header returns the headers to send with the body.
func (m Message) Header() http.Header {
	h := http.Header{"Content-Type": {m.ContentType}}
	if m.Action != "" {
		// The canonical form of net/http; header names have no case.
		h.Set("SOAPAction", m.Action)
	}
	return h
}

// String tells the size only: the body holds an apikey and buyers' names.
func (m Message) String() string { return fmt.Sprintf("SOAP message of %d bytes", len(m.Body)) }

// message wraps a request element.
func (v Version) message(op Operation, payload Node) Message {
	m := Message{ContentType: v.ContentType(), Body: v.Envelope(payload)}
	if v == SOAP12 {
		m.ContentType += `; action="` + op.Action() + `"`
		return m
	}
	m.Action = `"` + op.Action() + `"`
	return m
}

// Envelope returns the bytes of an envelope around one element.
func (v Version) Envelope(payload Node) []byte {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="utf-8"?>` + "\n")
	out.WriteString(`<soap:Envelope xmlns:soap="` + v.EnvelopeNamespace() + `"><soap:Body>`)
	payload.write(&out, "")
	out.WriteString(`</soap:Body></soap:Envelope>`)
	return out.Bytes()
}

// errEnvelope marks a document that has the form of no SOAP message.
var errEnvelope = errors.New("no SOAP body with one element in it")

// ReadEnvelope returns the version and the one element in the body. Version is
// "" for an envelope in neither namespace. Errors wrap ErrXML.
func ReadEnvelope(document []byte) (Version, Node, error) {
	root, err := ParseXML(document)
	if err != nil {
		return "", Node{}, err
	}
	v, payload, err := open(root)
	if err != nil {
		return "", Node{}, fmt.Errorf("%w: %w", ErrXML, err)
	}
	return v, payload, nil
}

func open(root Node) (Version, Node, error) {
	body, found := root.Child("Body")
	if root.Name != "Envelope" || !found || len(body.Children) != 1 {
		return "", Node{}, errEnvelope
	}
	return versionOf(root.Space), body.Children[0], nil
}

func versionOf(space string) Version {
	switch space {
	case namespace11:
		return SOAP11
	case namespace12:
		return SOAP12
	}
	return ""
}
