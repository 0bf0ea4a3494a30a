package api

import (
	"net/http"

	"golang.org/x/crypto/bcrypt"
)

// NewQuick is New without the cost of real password hashes.
func NewQuick(cfg Config) (http.Handler, error) {
	none, err := bcrypt.GenerateFromPassword([]byte("the password of nobody"), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	return newHandler(cfg, bcrypt.MinCost, string(none))
}

// Operation is a row of the table of routes.
type Operation struct {
	Method, Path string
	Access       string // anybody, logged-in, viewer or admin
	Body, Lasts  bool
}

// Operations returns the table of routes.
func Operations() []Operation {
	var list []Operation
	for _, r := range (&server{}).routes() {
		list = append(list, Operation{r.method, r.path, r.access.String(), r.body != nil, r.lasts})
	}
	return list
}
