// Package compose runs the whole of Payloom from container images, as
// docker-compose.yml describes it, and does to its containers what happens to
// machines: they die, hang, and lose their network.
package compose
