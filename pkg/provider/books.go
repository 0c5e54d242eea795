package provider

import (
	"context"
	"fmt"

	"github.com/payloom/payloom/pkg/payment"
)

// Bookkeeper is implemented by providers that can tell what their books hold of a
// payment as a whole, whoever put it there.
type Bookkeeper interface {
	// Books reports what the provider holds of the call's payment, without executing
	// anything; the call's operation is the one that opened it. That the provider is
	// sure to know no such payment is a statement, not an error. Errors are Inquire's.
	Books(ctx context.Context, c Call) (payment.Statement, error)
}

// BooksOf asks p, which must be a Bookkeeper. The error wraps ErrUnsupported when it
// is none.
func BooksOf(ctx context.Context, p Provider, c Call) (payment.Statement, error) {
	b, ok := p.(Bookkeeper)
	if !ok {
		return payment.Statement{}, Reject(payment.ReasonUnsupported, "%w: %s shows no books", ErrUnsupported, p.Capability().Provider)
	}
	return b.Books(ctx, c)
}

// Books implements Bookkeeper where the client of the payment's account does.
func (r Router) Books(ctx context.Context, c Call) (payment.Statement, error) {
	p, err := r.client(c)
	if err != nil {
		return payment.Statement{}, fmt.Errorf("books: %w", err)
	}
	return BooksOf(ctx, p, c)
}
