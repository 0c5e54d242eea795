package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Payout is the body that sends money to a customer.
type Payout struct {
	PaymentID   string      `json:"payment_id,omitempty"`
	Provider    string      `json:"provider,omitempty"`
	Amount      Money       `json:"amount"`
	Description string      `json:"description,omitempty"`
	Beneficiary Beneficiary `json:"beneficiary"`
}

// Beneficiary is who gets the money.
type Beneficiary struct {
	CustomerID    string `json:"customer_id"`
	IPAddress     string `json:"ip_address"`
	FirstName     string `json:"first_name"`
	LastName      string `json:"last_name"`
	Email         string `json:"email,omitempty"`
	Address       string `json:"address"`
	AccountNumber string `json:"account_number"`
}

// BatchLine is what became of one line of a batch.
type BatchLine struct {
	Line      int          `json:"line"`
	PaymentID string       `json:"payment_id"`
	Status    string       `json:"status"` // accepted, replayed, rejected
	Errors    []BatchFault `json:"errors"`
}

// BatchFault is a field that is wrong with a line.
type BatchFault struct {
	Field string `json:"field"`
}

// ErrBatch says that a batch broke off: what became of its other lines is not known.
var ErrBatch = errors.New("the batch broke off")

// SendBatch stores many payouts under one key and returns what became of each line.
// It is for batches that fit into memory twice.
func (c *Client) SendBatch(ctx context.Context, key string, all []Payout) ([]BatchLine, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	for _, p := range all {
		if err := enc.Encode(p); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Ingress+"/v1/payouts/batches", &body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set("Idempotency-Key", key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, ReadProblem(res)
	}
	return readBatch(bufio.NewScanner(res.Body))
}

// readBatch reads results up to the line that ends them.
func readBatch(lines *bufio.Scanner) ([]BatchLine, error) {
	var all []BatchLine
	for lines.Scan() {
		var line struct {
			BatchLine
			Done *bool `json:"done"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return all, fmt.Errorf("%w: %w", ErrBatch, err)
		}
		if line.Done != nil && *line.Done {
			return all, nil
		}
		if line.Done != nil {
			break
		}
		all = append(all, line.BatchLine)
	}
	return all, errors.Join(ErrBatch, lines.Err())
}
