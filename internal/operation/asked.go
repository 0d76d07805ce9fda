package operation

import (
	"encoding/json"
	"strings"

	"github.com/ringfence/ringfence/internal/identity"
)

// Asked is a recorded request as it could be made again.
type Asked struct {
	Who    *identity.Principal
	Action string
	Input  json.RawMessage // as the API takes it
}

// ReadAsked reads what was recorded of a request (decisions.command). It gives nil for what was no request to the API, and for requests of
// which nothing was kept: dry runs, steps of the service, files.
func ReadAsked(principal, action, command string) *Asked {
	text, err := unpack(command)
	if err != nil {
		return nil
	}
	var kept struct {
		Do      string          `json:"do"`
		Roles   []string        `json:"roles"`
		Purpose string          `json:"purpose"`
		With    json.RawMessage `json:"with"`
	}
	if json.Unmarshal(text, &kept) != nil || kept.With == nil || kept.Do != "" || !kinds[action].mutation {
		return nil
	}
	var fields any
	if json.Unmarshal(kept.With, &fields) != nil {
		return nil
	}
	input, err := json.Marshal(asAPI(fields))
	if err != nil { // what was read from JSON can be written
		panic(err)
	}
	who := &identity.Principal{UserName: principal, Roles: kept.Roles, Purpose: kept.Purpose, System: principal == identity.SystemName}
	return &Asked{Who: who, Action: action, Input: input}
}

// asAPI gives the fields of commands the names they have in the API: UserIDs is userIds there.
func asAPI(value any) any {
	switch v := value.(type) {
	case map[string]any:
		named := make(map[string]any, len(v))
		for key, inner := range v {
			named[nameInAPI(key)] = asAPI(inner)
		}
		return named
	case []any:
		for i := range v {
			v[i] = asAPI(v[i])
		}
	}
	return value
}

func nameInAPI(field string) string {
	field = strings.NewReplacer("IDs", "Ids", "ID", "Id").Replace(field)
	return strings.ToLower(field[:1]) + field[1:]
}
