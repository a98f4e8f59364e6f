package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// firstLine reads a line of the standard input, until a signal ends the command: a read cannot be broken off.
func firstLine(cmd *cobra.Command) (string, error) {
	type reading struct {
		line string
		err  error
	}
	read := make(chan reading, 1)
	go func() {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		read <- reading{line, err}
	}()
	select {
	case r := <-read:
		return r.line, r.err
	case <-cmd.Context().Done():
		return "", cmd.Context().Err()
	}
}

// stdinLine reads the first line of the standard input, which must not be empty.
func stdinLine(cmd *cobra.Command, what string) (string, error) {
	line, err := firstLine(cmd)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the %s: %w", what, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("there is no %s on the standard input", what)
	}
	return line, nil
}
