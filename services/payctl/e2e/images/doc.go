// Package images tests the bus and the projection on the images that an installation
// runs, rather than on what is embedded or found on this machine: make test-containers.
package images
