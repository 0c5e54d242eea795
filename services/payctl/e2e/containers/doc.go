// Package containers tests the whole of Payloom as docker-compose.yml runs it, while
// its containers die, hang and lose their network: make test-compose.
package containers
