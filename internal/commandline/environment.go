package commandline

import (
	"regexp"
	"strings"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// NoUnknownVariables rejects environment variables, written NAME=VALUE, that look like settings
// and are none: a misspelt one would silently leave its setting as it is. more are the names of
// variables that stand for no setting. Those that Kubernetes puts into every container of a
// cluster that has a service called sparsebert, or sparsebert-something, are none of ours.
func NoUnknownVariables(environment []string, more ...string) error {
	known := more
	for _, s := range settings.All() {
		known = append(known, s.Environment())
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, settings.EnvironmentPrefix) || contains(known, name) || ofKubernetes(name, value) {
			continue
		}
		near := settings.Nearest(strings.TrimPrefix(name, settings.EnvironmentPrefix), bare(known))
		if near != "" {
			near = " (did you mean " + settings.EnvironmentPrefix + near + "?)"
		}
		return usage.Errorf("environment: found unknown variable %s, expected %s and the name of a flag with _ for -%s", name, settings.EnvironmentPrefix, near)
	}
	return nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// bare drops the prefix of names, which would count for likeness.
func bare(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.TrimPrefix(name, settings.EnvironmentPrefix)
	}
	return out
}

// What Kubernetes calls the variables of a service: its own names, and those of Docker's links.
var (
	serviceHost = regexp.MustCompile(`^SPARSEBERT_([A-Z0-9_]+_)?SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$`)
	servicePort = regexp.MustCompile(`^SPARSEBERT_([A-Z0-9_]+_)?PORT(_[0-9]+_(TCP|UDP|SCTP))?$`)
	servicePart = regexp.MustCompile(`^SPARSEBERT_([A-Z0-9_]+_)?PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`)
	serviceURL  = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func ofKubernetes(name, value string) bool {
	return serviceHost.MatchString(name) || servicePart.MatchString(name) || servicePort.MatchString(name) && serviceURL.MatchString(value)
}
