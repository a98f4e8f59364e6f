package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/pebbe/zmq4"
	"github.com/spf13/cobra"

	"satchel/cmd/satchel/internal/config"
	"satchel/store"
)

// Set by the linker.
var (
	version = "dev"
	commit  = "none" //nolint:gochecknoglobals // set by the linker
)

type versionDocument struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	LibZMQ  string `json:"libzmq"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Tell the version", Args: args(0), RunE: func(*cobra.Command, []string) error {
		major, minor, patch := zmq4.Version()
		v := versionDocument{Version: version, Commit: commit, Go: runtime.Version(), LibZMQ: fmt.Sprintf("%d.%d.%d", major, minor, patch)}
		if info, ok := debug.ReadBuildInfo(); ok && v.Commit == "none" {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					v.Commit = s.Value
				}
			}
		}
		return a.print(v, func(w io.Writer) {
			fmt.Fprintf(w, "satchel %s (commit %s, %s, libzmq %s)\n", v.Version, v.Commit, v.Go, v.LibZMQ)
		})
	}}
}

func (a *app) configCommand() *cobra.Command {
	check := &cobra.Command{Use: "check", Short: "List every problem of the configuration at once", Args: args(0), RunE: func(*cobra.Command, []string) error {
		s, problems, err := config.Read(a.config)
		if err != nil {
			return err
		}
		doc := map[string]any{"config": s.Path, "problems": append([]string{}, problems...), "notes": s.Notes()}
		err = a.print(doc, func(w io.Writer) {
			if len(problems) > 0 {
				return // the error tells them
			}
			fmt.Fprintf(w, "%s: no problems\n", s.Path)
			for _, n := range s.Notes() {
				fmt.Fprintf(w, "  note: %s\n", n)
			}
		})
		if err != nil {
			return err
		}
		return config.Faulty(s.Path, problems)
	}}
	return group("config", "The configuration file", check)
}

// problem is one finding of `satchel check`.
type problem struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{Use: "check", Short: "Check every record and index of the database (the daemon must be stopped)", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		s, err := config.Load(a.config)
		if err != nil {
			return err
		}
		found, err := store.CheckFile(cmd.Context(), s.Database())
		if err != nil {
			return err
		}
		list := make([]problem, 0, len(found))
		for _, p := range found {
			list = append(list, problem{Where: p.Bucket + " " + p.Key, What: p.What})
		}
		err = a.print(list, func(w io.Writer) {
			for _, p := range list {
				fmt.Fprintf(w, "%s: %s\n", p.Where, p.What)
			}
			if len(list) == 0 {
				fmt.Fprintf(w, "%s: every record and index is sound\n", s.Database())
			}
		})
		if err == nil && len(list) > 0 {
			err = fmt.Errorf("%s is damaged (problems found: %d); restore a backup, and the chain is read again from there", s.Database(), len(list))
		}
		return err
	}}
}
