module github.com/payloom/payloom/migrations

go 1.26.0
