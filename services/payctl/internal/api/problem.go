package api

import (
	"io"
	"net/http"
)

// ReadProblem returns what an answer refuses. A body that cannot be read says nothing.
func ReadProblem(res *http.Response) *Problem {
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		text = nil
	}
	return problemOf(res, text)
}
