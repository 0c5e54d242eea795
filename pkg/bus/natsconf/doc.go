// Package natsconf makes what a NATS server needs to know who its clients are
// and what each may do: keys, certificates, and a configuration file that is
// written from bus.Permissions.
//
// An installation is a folder:
//
//	ca/                  the private authorities and what was decided; for nobody but the operator
//	broker/              auth.conf, the server's certificate, and the one for routes between servers
//	<client>/            user.nk, the client's seed; cert.pem, key.pem, and ca.pem to know the server by
//
// Every folder can be a mount of its own, so that no client sees another's key.
package natsconf
