// Package scim is the provisioning endpoint, SCIM 2.0 (RFC 7643, RFC 7644), as Microsoft Entra and Okta speak it. It translates:
// what a request means is done by the operations that the API has too, and read through the same scope.
package scim
