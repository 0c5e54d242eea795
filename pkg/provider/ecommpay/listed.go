package ecommpay

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/payloom/payloom/pkg/provider"
	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// The members of a listed operation that the documentation names. Whatever else there
// is, such as account numbers and addresses of customers, is not looked at.
const (
	memberOperation = "operation_id"
	memberPayment   = "payment_id"
	memberProject   = "project_id"
	memberCreated   = "operation_created_at"
	memberCompleted = "operation_completed_at"
)

var (
	operationPattern = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	// foreignPattern is anything that a person could take for an id.
	foreignPattern = regexp.MustCompile(`^[^\p{Cc}\x{FFFD}]{1,255}$`)
)

// mostFaults is how many faults of a page are told.
const mostFaults = 10

// readPage returns the operations in m, all of project. The documentation does not name
// the member that holds them: it is the only list there is. One operation that is not
// as it must be spoils the page, for the listing would be incomplete without it; the
// error tells which member of which one, and no value.
func readPage(m gate.Message, project int64) ([]provider.Listed, error) {
	list, err := onlyList(m)
	if err != nil {
		return nil, err
	}
	var page []provider.Listed
	var faults []error
	for i, item := range list.Items() {
		one, bad := readListed(item, strconv.FormatInt(project, 10))
		for _, what := range bad {
			faults = append(faults, fmt.Errorf("operation %d: %s", i, what))
		}
		page = append(page, one)
	}
	if len(faults) > mostFaults {
		faults = append(faults[:mostFaults], fmt.Errorf("and %d more", len(faults)-mostFaults))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return page, nil
}

// onlyList returns the one list that m has, beside one of errors, which is empty.
func onlyList(m gate.Message) (gate.Value, error) {
	var found []gate.Value
	for name, v := range m.Members() {
		if v.Kind() == gate.Array && name != "errors" {
			found = append(found, v)
		}
	}
	if len(found) != 1 {
		return gate.Value{}, fmt.Errorf("the answer holds %d lists, want one", len(found))
	}
	return found[0], nil
}

// readListed returns an operation, or what is wrong with its members.
func readListed(v gate.Value, project string) (one provider.Listed, bad []string) {
	if v.Kind() != gate.Object {
		return one, []string{"is no object"}
	}
	check := func(ok bool, name, what string) {
		if !ok {
			bad = append(bad, name+" "+what)
		}
	}
	var err error
	one.Operation, one.Key = text(v.Get(memberOperation)), text(v.Get(memberPayment))
	check(operationPattern.MatchString(one.Operation), memberOperation, "is missing or no id")
	check(foreignPattern.MatchString(one.Key), memberPayment, "is missing or no id")
	check(text(v.Get(memberProject)) == project, memberProject, "is not the one that was asked for")
	one.Created, err = time.Parse(listingTime, text(v.Get(memberCreated)))
	check(err == nil, memberCreated, "is missing or no time")
	if done := v.Get(memberCompleted); !empty(done) {
		one.Completed, err = time.Parse(listingTime, text(done))
		check(err == nil, memberCompleted, "is no time")
	}
	return one, bad
}

// empty tells whether v says nothing.
func empty(v gate.Value) bool {
	t, isText := v.Text()
	return v.Kind() == gate.Absent || v.Kind() == gate.Null || isText && t == ""
}
