package main

import (
	"github.com/spf13/cobra"

	"github.com/payloom/payloom/pkg/projection"
)

func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Make or update the database's tables; again without harm",
		Long:  `Migrate runs the migrations that are missing. Of several at once one works and the others wait.`,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dsn, err := a.databaseURL()
			if err != nil {
				return err
			}
			// Without a limit: an index over a large table takes what it takes.
			lines, err := projection.Migrate(cmd.Context(), dsn)
			if printErr := a.changes(lines); err == nil {
				err = printErr
			}
			return err
		},
	}
}
