package identity

import "strings"

// claimAt finds a claim by its path. A claim whose name is the whole path wins (names may be URLs with dots); otherwise
// dots lead into nested objects, as in realm_access.roles. Gives nil when there is none.
func claimAt(claims map[string]any, path string) any {
	if value, ok := claims[path]; ok {
		return value
	}
	for i := range path {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if value := claimAt(inner, path[i+1:]); value != nil {
				return value
			}
		}
	}
	return nil
}

// words reads a claim that is a list of strings, or one string of words apart by spaces or commas. What is not text is
// left out.
func words(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return strings.FieldsFunc(claim, func(r rune) bool { return r == ' ' || r == ',' })
	case []any:
		var list []string
		for _, item := range claim {
			if text, ok := item.(string); ok && text != "" {
				list = append(list, text)
			}
		}
		return list
	default:
		return nil
	}
}

// mapRoles translates the provider's roles. With a map, a role it does not name is dropped: a provider's group must not
// become a role of Ringfence because the names happen to be equal.
func (c *OIDCConfig) mapRoles(roles []string) []string {
	if c.RoleMap == nil {
		return roles
	}
	var mapped []string
	for _, role := range roles {
		if to, ok := c.RoleMap[role]; ok {
			mapped = append(mapped, to)
		}
	}
	return mapped
}
