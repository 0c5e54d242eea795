package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/payloom/payloom/pkg/account"
	"github.com/payloom/payloom/pkg/service"
	"github.com/payloom/payloom/services/internal/intake"
	"github.com/payloom/payloom/services/internal/payouts"
)

// typeOf returns the URI of a kind of problem.
func typeOf(name string) string { return "urn:payloom:problem:" + name }

func problem(status int, name, title, detail string) service.Problem {
	return service.Problem{Type: typeOf(name), Title: title, Status: status, Detail: detail}
}

func unauthenticated(detail string) *refusal {
	return &refusal{
		Problem: problem(http.StatusUnauthorized, "unauthenticated", "No valid API key", detail),
		result:  resultRefused, challenge: true,
	}
}

func forbidden(s account.Scope) *refusal {
	return &refusal{
		Problem: problem(http.StatusForbidden, "forbidden", "The API key may not do this", fmt.Sprintf("The key lacks the scope %s.", s)),
		result:  resultRefused,
	}
}

func aboveLimit() *refusal {
	return &refusal{
		Problem: problem(http.StatusForbidden, "above_limit", "The amount is above the API key's limit", "The key may not ask for as much in one command, or not in this currency. Nothing was stored."),
		result:  resultAbove,
	}
}

func needsSecond(s account.Scope) *refusal {
	return &refusal{
		Problem: problem(http.StatusForbidden, "second_signature_required", "A second key has to sign",
			fmt.Sprintf("The API key may not ask for as much alone: a second key of the merchant, with the scope %s, has to sign the same request. Nothing was stored.", s)),
		result: resultAbove,
	}
}

func limited(after time.Duration) *refusal {
	return &refusal{
		Problem: problem(http.StatusTooManyRequests, "rate_limited", "Too many requests", "The API key sends more than its rate allows. Nothing was stored."),
		result:  resultLimited, retryAfter: after,
	}
}

func noKey(detail string) *refusal {
	return &refusal{
		Problem: problem(http.StatusBadRequest, "idempotency_key_required", "Idempotency-Key is required", detail),
		result:  resultInvalid,
	}
}

func unsupportedType() *refusal {
	return &refusal{
		Problem: problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The body must be JSON", "Send Content-Type: application/json, uncompressed, in UTF-8."),
		result:  resultInvalid,
	}
}

func unsupportedBatch() *refusal {
	return &refusal{
		Problem: problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "The body must be CSV or lines of JSON",
			"Send Content-Type: text/csv, with a header line, or application/x-ndjson; uncompressed, in UTF-8."),
		result: resultInvalid,
	}
}

func badHeader(e *payouts.HeaderError) *refusal {
	p := problem(http.StatusBadRequest, "invalid_columns", "The columns are not those of payouts", "Every column that is wrong or missing is listed. Nothing was stored.")
	p.Errors = e.Fields
	return &refusal{Problem: p, result: resultInvalid}
}

func tooManyBatches() *refusal {
	return &refusal{
		Problem: problem(http.StatusTooManyRequests, "too_many_batches", "Too many batches at once",
			fmt.Sprintf("An API key may have %d batches under way. Nothing was stored.", batchesPerKey)),
		result: resultLimited, retryAfter: 5 * time.Second,
	}
}

func tooLarge() *refusal {
	return &refusal{
		Problem: problem(http.StatusRequestEntityTooLarge, "body_too_large", "The body is too large", fmt.Sprintf("At most %d bytes are taken.", maxBody)),
		result:  resultInvalid,
	}
}

func signedTooLarge() *refusal {
	return &refusal{
		Problem: problem(http.StatusRequestEntityTooLarge, "body_too_large", "The body is too large", fmt.Sprintf("A signed batch has at most %d bytes: send it in parts.", maxSignedBatch)),
		result:  resultInvalid,
	}
}

func malformed(detail string) *refusal {
	return &refusal{
		Problem: problem(http.StatusBadRequest, "malformed_body", "The body cannot be read", detail),
		result:  resultInvalid,
	}
}

func invalid(f intake.Faults) *refusal {
	p := problem(http.StatusBadRequest, "invalid_request", "The request is not valid", "Every field that is wrong is listed. Nothing was stored.")
	p.Errors = f.List
	return &refusal{Problem: p, result: resultInvalid}
}

func notStarted() *refusal {
	return &refusal{
		Problem: problem(http.StatusConflict, "payment_not_started", "The payment has not begun yet",
			"Nothing is known of the payment so far. Try again, or name the provider in the body to have the command wait."),
		result: resultNotStarted, retryAfter: time.Second,
	}
}

func reused() *refusal {
	return &refusal{
		Problem: problem(http.StatusUnprocessableEntity, "idempotency_key_reused", "The Idempotency-Key was used for another request",
			"A request with this key and other contents was accepted before. A new request needs a new key."),
		result: resultReused,
	}
}

// unavailable is the answer while nothing is known of the command: it may be
// stored, or not. The same request under the same key tells.
func unavailable(cause error) *refusal {
	return &refusal{
		Problem: problem(http.StatusServiceUnavailable, "unavailable", "The command could not be stored in time",
			"Send the same request with the same Idempotency-Key again."),
		result: resultUnavailable, retryAfter: 5 * time.Second, cause: cause,
	}
}

func failed(cause error) *refusal {
	return &refusal{Problem: service.Problem{Status: http.StatusInternalServerError}, result: resultFailed, cause: cause}
}
