package natsconf

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/payloom/payloom/pkg/bus"
)

// auth writes the part of the server's configuration that tells who may what.
func (in *installation) auth(table []bus.Permission) error {
	var b bytes.Buffer
	b.WriteString("# Made by payctl broker init from the table in pkg/bus/permissions.go. Run it again rather than\n" +
		"# change this file, then have the servers reload: kill -HUP.\n\n")
	mount := in.Mount
	if mount == "" {
		abs, err := filepath.Abs(in.path(brokerDir))
		if err != nil {
			return err
		}
		mount = abs
	}
	fmt.Fprintf(&b, "tls {\n  cert_file: %q\n  key_file: %q\n  ca_file: %q\n  verify: true\n  min_version: \"1.3\"\n}\n\n",
		mount+"/server.pem", mount+"/server-key.pem", mount+"/ca.pem")
	b.WriteString("system_account: SYS\n\naccounts {\n  SYS { users: [] }\n  PAYLOOM {\n    jetstream: enabled\n    users: [\n")
	for _, p := range table {
		for _, key := range in.Keys[p.Client] {
			writeUser(&b, p, key)
		}
	}
	b.WriteString("    ]\n  }\n}\n")
	return in.put(b.Bytes(), 0o444, brokerDir, AuthFile)
}

func writeUser(b *bytes.Buffer, p bus.Permission, key string) {
	fmt.Fprintf(b, "      # %s\n      { nkey: %s, permissions: {\n", p.Client, key)
	fmt.Fprintf(b, "          publish: { allow: %s", list(p.Publish))
	if len(p.Deny) > 0 {
		fmt.Fprintf(b, ", deny: %s", list(p.Deny))
	}
	fmt.Fprintf(b, " }\n          subscribe: { allow: %s }\n      } }\n", list(p.Subscribe))
}

// list writes subjects as the configuration language has them: quoted, for they
// begin with $ and contain >.
func list(subjects []string) string {
	quoted := make([]string, len(subjects))
	for i, s := range subjects {
		quoted[i] = strconv.Quote(s)
	}
	return "[\n            " + strings.Join(quoted, "\n            ") + "\n          ]"
}
