package gestpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/payloom/payloom/pkg/jsonlines"
)

// MaxLine is the longest line that Lines reads, in bytes: a document of MaxBody
// fits, with its quotes escaped.
const MaxLine = 4 << 20

// lineRequest is one line in. Pointers tell a missing field from an empty one.
type lineRequest struct {
	Op        string    `json:"op"`
	Operation Operation `json:"operation"`

	Status   int          `json:"http_status"`
	Body     *string      `json:"body"`
	Given    lineIDs      `json:"given"`
	Expected *linePayment `json:"expected_payment"`

	Params json.RawMessage `json:"params"`
	SOAP   Version         `json:"soap"`
}

// lineIDs are the ids that were asked for.
type lineIDs struct {
	ShopTransactionID ShopTransactionID `json:"shop_transaction_id"`
	BankTransactionID BankTransactionID `json:"bank_transaction_id"`
}

// linePayment is what an answer is compared with.
type linePayment struct {
	ShopTransactionID ShopTransactionID `json:"shop_transaction_id"`
	Currency          string            `json:"currency"`
	AmountMinor       int64             `json:"amount_minor"`
	Recurring         string            `json:"recurring"`
}

type buildReply struct {
	Action      string `json:"soap_action"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
}

// Lines reads JSON lines of the operations parse and build and writes one JSON
// line for each, in order. A line that is wrong is answered with
// {"error":"reason"} and does not stop the rest; a reason never repeats what the
// line held. Lines returns only the errors of reading and writing.
func Lines(r io.Reader, w io.Writer) error { return jsonlines.Serve(r, w, MaxLine, runLine) }

func runLine(line []byte) (any, error) {
	var req lineRequest
	if err := jsonlines.Decode(line, &req); err != nil {
		return nil, err
	}
	if req.Op != "parse" && req.Op != "build" {
		return nil, errors.New("op must be parse or build")
	}
	if !req.Operation.Valid() {
		return nil, errors.New("operation must be Encrypt, Decrypt, callPagamS2S, callReadTrxS2S, callSettleS2S, callRefundS2S or callDeleteS2S")
	}
	if req.Op == "build" {
		return req.build()
	}
	return req.parse()
}

func (q lineRequest) parse() (any, error) {
	if q.Body == nil {
		return nil, errors.New("body is missing")
	}
	reply, err := Parse(q.Operation, q.Status, []byte(*q.Body))
	if err == nil {
		err = reply.CheckIDs(q.Given.ShopTransactionID, q.Given.BankTransactionID)
	}
	if err != nil {
		return describeError(q.Operation, err), nil
	}
	return describe(reply, q.Expected), nil
}

func (q lineRequest) build() (any, error) {
	elements, err := paramNodes(q.Params)
	if err != nil {
		return nil, err
	}
	version := q.SOAP
	if version == "" {
		version = SOAP11
	}
	m, err := BuildElements(version, q.Operation, elements)
	if err != nil {
		return nil, inOneLine(err)
	}
	return buildReply{Action: m.Action, ContentType: m.ContentType, Body: string(m.Body)}, nil
}

// inOneLine joins the reasons of a refused request.
func inOneLine(err error) error {
	text := strings.ReplaceAll(err.Error(), ErrRequest.Error()+": ", "")
	return errors.New(strings.ReplaceAll(text, "\n", "; "))
}

var errParams = errors.New("params must be an object of texts, objects and lists")

// paramNodes reads params with their order kept, which counts below the first
// level.
func paramNodes(raw json.RawMessage) ([]Node, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	nodes, err := readValue(dec, "params", 0)
	if err != nil || len(nodes) != 1 || len(raw) == 0 || raw[0] != '{' {
		return nil, errParams
	}
	return foldPaymentTypes(nodes[0].Children), nil
}

// readValue returns the elements that one JSON value stands for: a list is one
// element for each item.
func readValue(dec *json.Decoder, name string, depth int) ([]Node, error) {
	token, err := dec.Token()
	if err != nil || depth > maxDepth {
		return nil, errParams
	}
	switch t := token.(type) {
	case string:
		return []Node{Leaf(name, t)}, nil
	case json.Number:
		return []Node{Leaf(name, t.String())}, nil
	case nil:
		return []Node{Leaf(name, "")}, nil
	case json.Delim:
		if t == '{' {
			return readObject(dec, name, depth)
		}
		return readList(dec, name, depth)
	}
	return nil, errParams
}

func readObject(dec *json.Decoder, name string, depth int) ([]Node, error) {
	n := Node{Name: name}
	for dec.More() {
		key, err := dec.Token()
		child, isText := key.(string)
		if err != nil || !isText {
			return nil, errParams
		}
		children, err := readValue(dec, child, depth+1)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, children...)
	}
	_, err := dec.Token()
	return []Node{n}, err
}

func readList(dec *json.Decoder, name string, depth int) ([]Node, error) {
	var all []Node
	for dec.More() {
		items, err := readValue(dec, name, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	_, err := dec.Token()
	return all, err
}

// foldPaymentTypes lets a payment type be named without the list around it:
// paymentType, or paymentTypes with a text or a list of texts.
func foldPaymentTypes(nodes []Node) []Node {
	list := Node{Name: "paymentTypes"}
	rest := slices.DeleteFunc(nodes, func(n Node) bool {
		flat := n.Name == "paymentType" || n.Name == "paymentTypes" && len(n.Children) == 0
		if flat {
			list.Children = append(list.Children, Leaf("paymentType", n.Text))
		}
		return flat
	})
	return append(rest, list)
}
