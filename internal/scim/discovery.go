package scim

import (
	"net/http"
	"strings"
)

// discover answers what the endpoint is like: its configuration, its schemas and its kinds of resources.
func (q *request) discover(first, rest string) error {
	show := map[string]func(string) (any, bool){"ServiceProviderConfig": q.configuration, "Schemas": q.schemas, "ResourceTypes": q.types}[first]
	if show == nil {
		return refused(http.StatusNotFound, "there is nothing here")
	}
	return q.methods(actions{http.MethodGet: func() error {
		if q.URL.Query().Has("filter") {
			return refused(http.StatusForbidden, "this is not filtered")
		}
		body, ok := show(rest)
		if !ok {
			return refused(http.StatusNotFound, "there is nothing here")
		}
		return q.answer(http.StatusOK, body)
	}})
}

func (q *request) place(kind, location string) object {
	return object{"resourceType": kind, "location": q.view.base + location}
}

func (q *request) configuration(rest string) (any, bool) {
	supported := func(is bool, more ...object) object {
		out := object{"supported": is}
		for _, part := range more {
			for name, value := range part {
				out[name] = value
			}
		}
		return out
	}
	return object{
		"schemas":        []string{urnConfig},
		"patch":          supported(true),
		"bulk":           supported(false, object{"maxOperations": 0, "maxPayloadSize": 0}),
		"filter":         supported(true, object{"maxResults": mostCount}),
		"changePassword": supported(false),
		"sort":           supported(true),
		"etag":           supported(true),
		"authenticationSchemes": []object{{
			"type": "oauthbearertoken", "name": "Service token", "description": "A service token of Ringfence for SCIM, sent as a bearer token.",
			"specUri": "https://www.rfc-editor.org/rfc/rfc6750", "primary": true,
		}},
		"meta": q.place("ServiceProviderConfig", "/ServiceProviderConfig"),
	}, rest == ""
}

// placedSchema is a schema with its place.
type placedSchema struct {
	*schema
	Meta object `json:"meta"`
}

func (q *request) schemas(rest string) (any, bool) {
	var list []any
	for _, s := range []*schema{userSchema, enterpriseSchema, groupSchema} {
		shown := placedSchema{s, q.place("Schema", "/Schemas/"+s.ID)}
		if strings.EqualFold(rest, s.ID) {
			return shown, true
		}
		list = append(list, shown)
	}
	return page(list, 1, len(list)), rest == ""
}

func (q *request) types(rest string) (any, bool) {
	var list []any
	for _, r := range []*resource{userResource, groupResource} {
		shown := object{"schemas": []string{urnType}, "id": r.name, "name": r.name, "endpoint": r.path, "description": r.core.Description,
			"schema": r.core.ID, "meta": q.place("ResourceType", "/ResourceTypes/"+r.name)}
		var extensions []object
		for _, s := range r.extensions {
			extensions = append(extensions, object{"schema": s.ID, "required": false})
		}
		if extensions != nil {
			shown["schemaExtensions"] = extensions
		}
		if rest == r.name {
			return shown, true
		}
		list = append(list, shown)
	}
	return page(list, 1, len(list)), rest == ""
}
