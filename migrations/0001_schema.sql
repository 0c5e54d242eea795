-- +goose Up
COMMENT ON SCHEMA public IS 'Payloom: a projection of the event streams; it can be dropped and rebuilt.';

-- +goose Down
COMMENT ON SCHEMA public IS 'standard public schema';
