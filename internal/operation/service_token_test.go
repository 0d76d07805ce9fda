package operation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// Tokens that let services in: who makes them, what they open, and that they end.

func init() {
	const fields = `serviceToken { id name purpose roles live createdBy expiresAt }` // a dry run is of another moment
	payloads["createServiceToken"], payloads["revokeServiceToken"] = fields, fields  // the secret is told once, so it has tests of its own
	examples["createServiceToken"] = func(*world) in { return in{"name": "Entra", "purpose": "SCIM"} }
	examples["revokeServiceToken"] = func(w *world) in {
		made, _ := w.token(in{"name": w.fresh("client"), "purpose": "SCIM"})
		return in{"serviceTokenId": made.ID}
	}
	invalid["createServiceToken"] = []bad{
		{in{"name": ""}, "name"}, {in{"name": long}, "name"}, {in{"purpose": "FTP"}, "purpose"}, {in{"roles": []string{"AUDITOR"}}, "roles"},
		{in{"purpose": "API", "roles": []string{""}}, "roles"}, {in{"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"},
	}
	invalid["revokeServiceToken"], missing["createServiceToken"] = nil, nil
	missing["revokeServiceToken"] = []bad{{in{"serviceTokenId": "tok_zz"}, "serviceTokenId"}}
}

type serviceToken struct {
	ID, Name, Purpose, CreatedBy string
	Roles                        []string
	Live                         bool
	ExpiresAt, RevokedAt, UsedAt *time.Time
}

type tokenAnswer struct {
	Answer struct {
		DryRun       bool
		ServiceToken *serviceToken
		Secret       *string
	}
}

// createToken writes the document that makes a token and asks for all there is.
func createToken() string {
	return strings.Replace(mutation("createServiceToken"), "serviceToken {", "secret serviceToken { createdAt revokedAt usedAt", 1)
}

// token makes a service token and gives it with its secret.
func (a actor) token(input in) (serviceToken, string) {
	a.w.Helper()
	var answer tokenAnswer
	a.ask(createToken(), in{"input": input}, &answer)
	if answer.Answer.Secret == nil {
		a.w.Fatal("there is no secret")
	}
	return *answer.Answer.ServiceToken, *answer.Answer.Secret
}

const whoAmI = `{ viewer { userName roles actions user { id } } }`

type viewer struct {
	Viewer struct {
		UserName       string
		Roles, Actions []string
		User           *struct{ ID string }
	}
}

func TestATokenForTheAPI(t *testing.T) {
	each(t, func(w *world) {
		made, secret := w.token(in{"name": "reports", "purpose": "API", "roles": []string{"AUDITOR", "ANALYST", "AUDITOR"}})
		w.want(made.Roles, []string{"ANALYST", "AUDITOR"})
		w.want([]any{made.Live, made.CreatedBy, made.UsedAt}, []any{true, "root@contoso.example", nil})
		if !strings.HasPrefix(secret, "rf_") || len(secret) != 46 {
			t.Errorf("the secret is %q", secret)
		}
		service := actor{w, w.WithToken(secret)}
		var who viewer
		service.ask(whoAmI, nil, &who)
		w.want([]any{who.Viewer.UserName, who.Viewer.Roles, who.Viewer.User}, []any{"reports", []string{"ANALYST", "AUDITOR"}, nil})
		service.denied("READ_ONLY", "createVendor", in{"name": "x"})
		w.want(w.tokens()[0].UsedAt != nil, true)
	})
}

// tokens lists the service tokens, the newest first.
func (w *world) tokens() []serviceToken {
	w.Helper()
	var answer struct {
		ServiceTokens struct{ Nodes []serviceToken }
	}
	w.ask(`{ serviceTokens { nodes { id name purpose roles live createdBy expiresAt revokedAt usedAt } } }`, nil, &answer)
	return answer.ServiceTokens.Nodes
}

// The use of a token is noted once a minute, so that a request is not a write.
func TestTheUseOfATokenIsNotedByTheMinute(t *testing.T) {
	each(t, func(w *world) {
		_, secret := w.token(in{"name": "reports", "purpose": "API"})
		service := actor{w, w.WithToken(secret)}
		use := func() time.Time {
			service.ask(whoAmI, nil, nil)
			return *w.tokens()[0].UsedAt
		}
		first := use()
		w.Clock.Advance(50 * time.Second)
		w.want(use(), first)
		w.Clock.Advance(11 * time.Second)
		if second := use(); second.Sub(first) < time.Minute {
			t.Errorf("used at %s, then at %s", first, second)
		}
	})
}

func TestATokenThatIsOverOpensNothing(t *testing.T) {
	each(t, func(w *world) {
		_, secret := w.token(in{"name": "reports", "purpose": "API", "roles": []string{"AUDITOR"}, "expiresAt": w.Clock.Now().Add(time.Hour)})
		service := w.WithToken(secret)
		service.Do(whoAmI, nil, nil)
		w.Clock.Advance(2 * time.Hour)
		service.Fails("UNAUTHENTICATED", whoAmI, nil)
		w.want(w.tokens()[0].Live, false)

		made, secret := w.token(in{"name": "reports", "purpose": "API"}) // the name is free again
		service = w.WithToken(secret)
		service.Do(whoAmI, nil, nil)
		w.do("revokeServiceToken", in{"serviceTokenId": made.ID, "dryRun": true})
		service.Do(whoAmI, nil, nil)
		w.do("revokeServiceToken", in{"serviceTokenId": made.ID})
		service.Fails("UNAUTHENTICATED", whoAmI, nil)
		revoked := w.tokens()[0].RevokedAt
		w.do("revokeServiceToken", in{"serviceTokenId": made.ID})
		w.want(w.tokens()[0].RevokedAt, revoked)
		for _, never := range []string{secret[:45] + "x", secret + "x", "rf_", "rf_" + strings.Repeat("A", 43)} {
			w.WithToken(never).Fails("UNAUTHENTICATED", whoAmI, nil)
		}
		w.want(w.told(0), []string{"SERVICE_TOKEN_REVOKED", "SERVICE_TOKEN_CREATED", "SERVICE_TOKEN_CREATED"})
	})
}

// A token for SCIM may nothing here; a service is nobody of the directory, also if somebody has its name.
func TestATokenForSCIMOpensNothingElse(t *testing.T) {
	each(t, func(w *world) {
		made, secret := w.token(in{"name": "Entra", "purpose": "SCIM"})
		w.want(made.Roles, []string{"PROVISIONER"})
		answer := w.WithToken(secret).Send(whoAmI, nil)
		w.want([]any{answer.Status, answer.Errors[0].Extensions.Code}, []any{403, "POLICY_DENIED"})
		_, secret = w.token(in{"name": "directory", "purpose": "API", "roles": []string{"PROVISIONER"}})
		w.do("upsertUsers", in{"users": []in{{"userName": "directory", "enabled": false}}})
		service := actor{w, w.WithToken(secret)}
		service.do("upsertUsers", in{"users": []in{{"userName": "ann"}}})
		service.denied("ROLE_REQUIRED", "createVendor", in{"name": "x"})
		var who viewer
		service.ask(whoAmI, nil, &who)
		w.want(who.Viewer.Actions, []string{"addGroupMembers", "deleteGroup", "deleteUsers", "importGroups", "importMemberships", "importUsers",
			"removeGroupMembers", "upsertGroups", "upsertUsers"})
		w.want(who.Viewer.User, nil)
	})
}

func TestATokenHasNoMoreRolesThanWhoMakesIt(t *testing.T) {
	each(t, func(w *world) {
		licenses := w.as("liam", "LICENSE_ADMIN", "MINE")
		v := licenses.denied("ROLE_REQUIRED", "createServiceToken", in{"name": "x", "purpose": "API", "roles": []string{"AUDITOR", "GLOBAL_ADMIN"}})
		w.want(v.Field, "roles")
		made, _ := licenses.token(in{"name": "x", "purpose": "API", "roles": []string{"MINE", "LICENSE_ADMIN"}})
		w.want(made.Roles, []string{"LICENSE_ADMIN", "MINE"})
		w.as("nobody").denied("ROLE_REQUIRED", "createServiceToken", in{"name": "y", "purpose": "SCIM"})
		w.as("eve", "AUDITOR").denied("READ_ONLY", "revokeServiceToken", in{"serviceTokenId": made.ID})
		var seen struct {
			ServiceTokens struct{ Nodes []serviceToken }
		}
		w.as("eve", "AUDITOR").ask(`{ serviceTokens { nodes { id } } }`, nil, &seen)
		w.want(len(seen.ServiceTokens.Nodes), 0)
	})
}

func TestInputsOfTokens(t *testing.T) {
	each(t, func(w *world) {
		api := in{"name": "x", "purpose": "API"}
		w.invalid("name", "createServiceToken", with(api, in{"name": " "}))
		w.invalid("name", "createServiceToken", with(api, in{"name": "System"}))
		w.invalid("roles", "createServiceToken", with(api, in{"roles": []string{""}}))
		w.invalid("roles", "createServiceToken", with(api, in{"roles": slices.Repeat([]string{"AUDITOR"}, 21)}))
		w.invalid("roles", "createServiceToken", in{"name": "x", "purpose": "SCIM", "roles": []string{"AUDITOR"}})
		w.invalid("expiresAt", "createServiceToken", with(api, in{"expiresAt": w.Clock.Now().Add(-time.Second)}))
		w.user(in{"userName": "Ann"})
		w.fails("CONFLICT", "createServiceToken", with(api, in{"name": "ann"}))
		w.token(api)
		w.want(w.fails("CONFLICT", "createServiceToken", with(api, in{"name": "X"})).Extensions.Field, "name")
		w.fails("NOT_FOUND", "revokeServiceToken", in{"serviceTokenId": "tok_zzz"})
	})
}

// The secret is told once: neither a retry nor a dry run nor any record has it.
func TestTheSecretIsToldOnce(t *testing.T) {
	each(t, func(w *world) {
		input := in{"name": "reports", "purpose": "API", "idempotencyKey": "k"}
		dry := w.sendToken(with(input, in{"dryRun": true}))
		w.want([]any{dry.Answer.DryRun, dry.Answer.Secret, len(w.tokens())}, []any{true, nil, 0})
		first := w.sendToken(input)
		again := w.sendToken(input)
		w.want([]any{again.Answer.Secret, again.Answer.ServiceToken.ID, len(w.tokens())}, []any{nil, first.Answer.ServiceToken.ID, 1})
		secret := *first.Answer.Secret
		for _, all := range []string{`{ decisions { nodes { input } } }`, `{ events { nodes { data } } }`} {
			if told := w.Admin().Send(all, nil).Raw; strings.Contains(told, secret) || strings.Contains(told, "hash") {
				t.Errorf("told: %s", told)
			}
		}
	})
}

func (w *world) sendToken(input in) tokenAnswer {
	w.Helper()
	var answer tokenAnswer
	w.Admin().Do(createToken(), apptest.Vars{"input": input}, &answer)
	return answer
}
