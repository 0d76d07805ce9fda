package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// livez asks the server of this machine whether it lives: the health check of a container that has no other program.
type livez struct {
	Listen string `help:"Address the server listens on." env:"RINGFENCE_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR"`
}

// Run fails unless the server answers.
func (c *livez) Run(ctx context.Context) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/livez", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", res.Status)
	}
	return nil
}
