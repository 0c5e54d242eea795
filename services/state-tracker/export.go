package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

const (
	// maxExports is how many exports may be under way at once: each holds a
	// connection of the pool, and a snapshot that the database cannot clean up behind.
	maxExports = 4
	// maxExportTime is how long an export may take.
	maxExportTime = 30 * time.Minute
	// stallTime is how long a client may take to read a page.
	stallTime = 30 * time.Second
)

// rowsTrailer is the field after the last byte of an export that tells how many
// payments it holds. Where it is missing the export broke off.
const rowsTrailer = "X-Payloom-Rows"

// errBusy means that too many exports are under way.
var errBusy = errors.New("too many exports are under way")

// errStopping ends an export when the service stops.
var errStopping = errors.New("the service stops")

// formats are how payments may be exported.
func formats() []string { return []string{"csv", "json"} }

// export answers with all payments that the conditions choose, as a stream.
func (a *api) export(ctx context.Context, m payment.Merchant, r *http.Request) (answer, error) {
	q := readParams(r)
	format := q.oneOf("format", formats())
	f := q.filter()
	if err := q.problem(); err != nil {
		return answer{}, err
	}
	if !r.ProtoAtLeast(1, 1) {
		return answer{}, problem(http.StatusHTTPVersionNotSupported, "http_version", "An export needs HTTP/1.1",
			"Before that, half an export cannot be told from a whole one. A proxy on the way may have to be told so.")
	}
	if r.Method == http.MethodHead {
		return answer{stream: func(w http.ResponseWriter, _ *http.Request) { exportHeader(w.Header(), format) }}, nil
	}
	x, err := a.beginExport(ctx, m, f)
	if err != nil {
		return answer{}, err
	}
	x.format = format
	return answer{stream: x.serve}, nil
}

// export is an export under way: its first page is read.
type export struct {
	api    *api
	rows   *store.Export
	page   []store.Exported
	format string
}

// beginExport reads the first page, so that what goes wrong by then is a proper
// refusal.
func (a *api) beginExport(ctx context.Context, m payment.Merchant, f store.Filter) (*export, error) {
	select {
	case a.exporting <- struct{}{}:
	default:
		return nil, errBusy
	}
	x := &export{api: a}
	if err := x.begin(ctx, m, f); err != nil {
		x.end(ctx)
		return nil, err
	}
	return x, nil
}

func (x *export) begin(ctx context.Context, m payment.Merchant, f store.Filter) (err error) {
	soon, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if x.rows, err = x.api.rows.Export(soon, m, f); err != nil {
		return err
	}
	x.page, err = x.rows.Next(ctx)
	return err
}

func (x *export) end(ctx context.Context) {
	if x.rows != nil {
		x.rows.Close(ctx)
	}
	<-x.api.exporting
}

// serve writes everything. When it cannot, it breaks the connection: half an
// export must not look like a whole one.
func (x *export) serve(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), maxExportTime)
	defer cancel()
	defer x.end(ctx)
	exportHeader(w.Header(), x.format)
	n, err := x.write(ctx, w)
	if err != nil {
		if r.Context().Err() == nil {
			x.api.rt.Log.Warn("export broke off", zap.Int("rows", n), zap.Error(err))
		}
		panic(http.ErrAbortHandler)
	}
	w.Header().Set(rowsTrailer, strconv.Itoa(n))
}

// write writes page after page and returns how many payments it wrote.
func (x *export) write(ctx context.Context, w http.ResponseWriter) (n int, err error) {
	out, control := newEncoder(x.format, w), http.NewResponseController(w)
	for len(x.page) > 0 {
		// The limit of other answers is for what is short: here the client has to
		// take each page in time.
		if err := control.SetWriteDeadline(time.Now().Add(stallTime)); err != nil {
			return n, err
		}
		for i := range x.page {
			if err := out.encode(&x.page[i]); err != nil {
				return n, err
			}
		}
		n += len(x.page)
		if err := errors.Join(out.flush(), control.Flush()); err != nil {
			return n, err
		}
		if x.page, err = x.next(ctx); err != nil {
			return n, err
		}
	}
	return n, out.flush()
}

func (x *export) next(ctx context.Context) ([]store.Exported, error) {
	select {
	case <-x.api.stopping:
		return nil, errStopping
	default:
		return x.rows.Next(ctx)
	}
}

func exportHeader(h http.Header, format string) {
	kind, extension := "text/csv; charset=utf-8; header=present", "csv"
	if format == "json" {
		kind, extension = "application/x-ndjson", "ndjson"
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="payments-%s.%s"`, time.Now().UTC().Format("20060102T150405Z"), extension))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Trailer", rowsTrailer)
}
