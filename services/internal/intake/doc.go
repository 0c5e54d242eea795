// Package intake reads what callers ask for and says, field by field, what is wrong
// with it: with the JSON, by the rules of commands, by what a provider takes, and
// where it looks like a card number. Ingress answers with it, and payctl tells it
// before anything is sent.
package intake
