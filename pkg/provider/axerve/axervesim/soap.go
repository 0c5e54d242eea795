package axervesim

import (
	"io"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"

	"github.com/payloom/payloom/pkg/provider/axerve/gestpay"
	"github.com/payloom/payloom/pkg/provider/simkit"
)

// services by the lower-case name of their page; the server ignores case.
var services = map[string]string{
	"wscryptdecrypt.asmx": gestpay.CryptNamespace,
	"wss2s.asmx":          gestpay.S2SNamespace,
}

// serveSOAP answers one call. Business refusals have status 200; what is no call
// at all is a fault with status 500.
func (s *Simulator) serveSOAP(w http.ResponseWriter, r *http.Request, namespace string) {
	if r.Method != http.MethodPost {
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if !s.trouble.Admit(w, r) {
		return
	}
	c, fault := s.decode(r, namespace)
	if fault != nil {
		fault.write(w)
		return
	}
	rule, hit := s.faults.forCall(c)
	if hit && s.failBefore(w, r, c, rule) {
		return
	}
	answer := s.execute(c, rule)
	if hit && s.failAfter(w, r, c, rule) {
		return
	}
	s.write(w, c, answer)
}

// soapFault is an answer of the server below the application.
type soapFault struct {
	version gestpay.Version
	client  bool
	reason  string
}

// decode reads a call, or says in a fault why it is none.
func (s *Simulator) decode(r *http.Request, namespace string) (*call, *soapFault) {
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	version := map[string]gestpay.Version{"text/xml": gestpay.SOAP11, "application/soap+xml": gestpay.SOAP12}[media]
	action := params["action"]
	if version == gestpay.SOAP11 {
		action = strings.Trim(r.Header.Get("SOAPAction"), `"`)
	}
	unreadable := &soapFault{version: version, client: true, reason: "Server was unable to read request."}
	if version == "" || !strings.EqualFold(params["charset"], "utf-8") {
		return nil, unreadable
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, gestpay.MaxBody+1))
	if err != nil {
		return nil, unreadable
	}
	spoken, payload, err := gestpay.ReadEnvelope(body)
	op := gestpay.Operation(payload.Name)
	switch {
	case err != nil || spoken != version:
		return nil, unreadable
	case !op.Valid() || op.Namespace() != namespace || payload.Space != namespace || action != op.Action():
		return nil, &soapFault{version: version, client: true, reason: "Server did not recognize the value of HTTP Header SOAPAction."}
	}
	c := &call{op: op, version: version, fields: qualified(payload, namespace), ip: hostOf(r), base: s.baseOf(r), at: s.cfg.Now()}
	c.name = opNames[op]
	s.identify(c)
	return c, nil
}

// qualified drops children outside the service's namespace: the server does not
// see them.
func qualified(n gestpay.Node, namespace string) gestpay.Node {
	var children []gestpay.Node
	for _, c := range n.Children {
		if c.Space == namespace {
			children = append(children, qualified(c, namespace))
		}
	}
	n.Children = children
	return n
}

func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Simulator) baseOf(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.baseURL != "" {
		return s.baseURL
	}
	return simkit.BaseOf(r)
}

// write sends a fault, as IIS does with status 500.
func (f *soapFault) write(w http.ResponseWriter) {
	version := f.version
	if version == "" {
		version = gestpay.SOAP11
	}
	w.Header().Set("Content-Type", version.ContentType())
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(version.Envelope(f.node(version)))
}

func (f *soapFault) node(version gestpay.Version) gestpay.Node {
	n := gestpay.Node{Space: version.EnvelopeNamespace(), Name: "Fault"}
	if version == gestpay.SOAP12 {
		code := "soap:Receiver"
		if f.client {
			code = "soap:Sender"
		}
		n.Children = []gestpay.Node{
			{Space: n.Space, Name: "Code", Children: []gestpay.Node{{Space: n.Space, Name: "Value", Text: code}}},
			{Space: n.Space, Name: "Reason", Children: []gestpay.Node{{Space: n.Space, Name: "Text", Text: f.reason}}},
		}
		return n
	}
	code := "soap:Server"
	if f.client {
		code = "soap:Client"
	}
	n.Children = []gestpay.Node{gestpay.Leaf("faultcode", code), gestpay.Leaf("faultstring", f.reason), gestpay.Leaf("detail", "")}
	return n
}

// write sends the fields of an answer in their wrappers, dressed a little
// differently each time: with the service's namespace inherited or taken off, and
// with an element nobody has seen before.
func (s *Simulator) write(w http.ResponseWriter, c *call, fields []gestpay.Node) {
	rnd := s.random("dress", string(c.op), c.reference, fields[1].Text)
	result := gestpay.Node{Name: c.op.ResultElement(), Children: append([]gestpay.Node{}, fields...)}
	if rnd.IntN(2) == 0 {
		result.Children = append(result.Children, gestpay.Node{Name: "FutureGroup", Children: []gestpay.Node{gestpay.Leaf("FutureField", "x")}})
	}
	if rnd.IntN(2) == 0 {
		result = inherit(result, c.op.Namespace())
	}
	space := c.op.Namespace()
	envelope := c.version.Envelope(gestpay.Node{Space: space, Name: string(c.op) + "Response", Children: []gestpay.Node{
		{Space: space, Name: string(c.op) + "Result", Children: []gestpay.Node{result}},
	}})
	w.Header().Set("Content-Type", c.version.ContentType())
	// The gateway sets it; it means nothing to a service's client.
	http.SetCookie(w, &http.Cookie{Name: "ASP.NET_SessionId", Value: s.cryptString(24, "session", c.reference), Path: "/", HttpOnly: true})
	_, _ = w.Write(envelope)
}

func inherit(n gestpay.Node, space string) gestpay.Node {
	n.Space = space
	children := make([]gestpay.Node, len(n.Children))
	for i, c := range n.Children {
		children[i] = inherit(c, space)
	}
	n.Children = children
	return n
}

// routes are all that the simulator serves.
func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pagam/amazonpay/{session}", s.postDecision)
	s.controlRoutes(mux)
	// Axerve's paths are matched in any case, which a ServeMux cannot do.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := strings.ToLower(path.Base(r.URL.Path))
		if namespace, known := services[page]; known {
			s.serveSOAP(w, r, namespace)
			return
		}
		if page == "pagam.aspx" {
			s.pagePay(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
