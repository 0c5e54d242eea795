package ecommpaysim

import (
	"slices"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// mostOperations is how many operations one answer of the Data API has at most, and
// when no number is asked for.
const mostOperations = 1000

// listingLayout is how the Data API writes times, in the zone that was asked for.
const listingLayout = "2006-01-02 15:04:05"

// listing is a request for operations, understood.
type listing struct {
	projects      []int64
	from, to      time.Time
	zone          *time.Location
	limit, offset int
}

// listed is an operation and what it belongs to.
type listed struct {
	*payment
	*operation
}

// operations answers with what was finished in an interval, the latest first.
func (s *Simulator) operations(c *call) (document, *refusal) {
	mine, secret, refused := s.authorize(c)
	if refused != nil {
		return document{}, refused
	}
	q, refused := readListing(c.message, mine)
	if refused != nil {
		return document{}, refused
	}
	views := []any{}
	for _, l := range q.page(s.finished(q)) {
		views = append(views, q.view(l))
	}
	return seal(map[string]any{"operations": views}, secret, gate.AtTop), nil
}

// authorize returns the projects that a token is for, and its secret.
func (s *Simulator) authorize(c *call) (mine []int64, secret string, refused *refusal) {
	token := c.text("token")
	for id, p := range s.projects {
		if token != "" && p.Token == token {
			mine, secret = append(mine, id), p.TokenSecret
		}
	}
	if len(mine) == 0 {
		return nil, "", refuse(codeProject, "token")
	}
	match, err := c.message.Verify(secret)
	switch {
	case err == gate.ErrUnsigned: //nolint:errorlint // exactly this error
		return nil, "", refuse(codeNoSignature, gate.AtTop.String())
	case err != nil || match.Place != gate.AtTop || match.Order != gate.Natural:
		return nil, "", refuse(codeSignature, gate.AtTop.String())
	case match.Ambiguous:
		return nil, "", refuse(codeValidation, "")
	}
	return mine, secret, nil
}

// readListing reads the request. Without projects it is for all of the token's.
func readListing(m gate.Message, mine []int64) (listing, *refusal) {
	q := listing{projects: mine, limit: mostOperations}
	text := func(path ...string) string {
		v, _ := m.Get(path...).Text()
		return v
	}
	var err error
	if q.zone, err = time.LoadLocation(text("tz")); err != nil || text("tz") == "" || text("tz") == "Local" {
		return q, refuse(codeValidation, "tz")
	}
	if q.from, err = time.ParseInLocation(listingLayout, text("interval", "from"), q.zone); err != nil {
		return q, refuse(codeValidation, "interval.from")
	}
	if q.to, err = time.ParseInLocation(listingLayout, text("interval", "to"), q.zone); err != nil || q.to.Before(q.from) {
		return q, refuse(codeValidation, "interval.to")
	}
	if refused := q.readProjects(m, mine); refused != nil {
		return q, refused
	}
	return q, q.readPaging(m)
}

func (q *listing) readProjects(m gate.Message, mine []int64) *refusal {
	v := m.Get("project_id")
	if v.Kind() == gate.Absent {
		return nil
	}
	q.projects = nil
	for _, item := range v.Items() {
		id, ok := item.Int()
		if !ok || item.Kind() != gate.Number || !slices.Contains(mine, id) {
			return refuse(codeProject, "project_id")
		}
		q.projects = append(q.projects, id)
	}
	if len(q.projects) == 0 {
		return refuse(codeValidation, "project_id")
	}
	return nil
}

func (q *listing) readPaging(m gate.Message) *refusal {
	for name, into := range map[string]*int{"limit": &q.limit, "offset": &q.offset} {
		v := m.Get(name)
		if v.Kind() == gate.Absent {
			continue
		}
		n, ok := v.Int()
		if !ok || v.Kind() != gate.Number || n < 0 || name == "limit" && (n < 1 || n > mostOperations) {
			return refuse(codeValidation, name)
		}
		*into = int(n)
	}
	return nil
}

// finished returns what was finished in q's interval, the latest first. What the
// platform has lost is not there.
func (s *Simulator) finished(q listing) []listed {
	var all []listed
	for _, p := range s.book.order {
		if s.book.payments[p.key()] != p || !slices.Contains(q.projects, p.project.ID) {
			continue
		}
		for _, op := range p.ops {
			if op.ended() && !op.at.Before(q.from) && !op.at.Truncate(time.Second).After(q.to) {
				all = append(all, listed{p, op})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b listed) int { return b.at.Compare(a.at) })
	return all
}

// ended tells whether an operation is at its end.
func (o *operation) ended() bool { return o.status == "success" || o.status == "decline" }

func (q listing) page(all []listed) []listed {
	all = all[min(q.offset, len(all)):]
	return all[:min(q.limit, len(all))]
}

// view is an operation as the Data API tells it, with members that are nobody's
// business but the merchant's.
func (q listing) view(l listed) map[string]any {
	return map[string]any{
		"project_id": l.project.ID, "operation_id": strconv.FormatUint(l.operation.id, 10), "payment_id": l.payment.id,
		"operation_created_at":   l.operation.created.In(q.zone).Format(listingLayout),
		"operation_completed_at": l.at.In(q.zone).Format(listingLayout),
		"account_number":         l.account, "customer_ip": "203.0.113.250", "note": nil,
	}
}
