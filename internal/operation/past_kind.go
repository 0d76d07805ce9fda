package operation

import (
	"context"
	"reflect"
	"strings"
)

// commandKind is how a command of one type is read from the record and run again.
type commandKind struct {
	fresh func() any
	run   func(ctx context.Context, r *Runner, cmd any) (*Reply, error)
}

// commandKinds are all commands, by name. A census test misses those that are not here.
var commandKinds map[string]commandKind

func init() { // not at its declaration: commands are run by what refers to it
	commandKinds = map[string]commandKind{}
	enlist[AssignSeats, SeatsPayload]()
	enlist[UnassignSeats, SeatsPayload]()
	enlist[RetrySeats, RetrySeatsPayload]()
	enlist[LicenseGroup, GroupLicensePayload]()
	enlist[UpdateGroupLicense, GroupLicensePayload]()
	enlist[UnlicenseGroup, UnlicenseGroupPayload]()
	enlist[SwapGroupLicense, GroupLicensePayload]()
	enlist[ExcludeFromGroupLicense, GroupLicensePayload]()
	enlist[IncludeInGroupLicense, GroupLicensePayload]()
	enlist[CreateAllotment, AllotmentPayload]()
	enlist[UpdateAllotment, AllotmentPayload]()
	enlist[DeleteAllotment, DeleteAllotmentPayload]()
	enlist[CreateVendor, CreateVendorPayload]()
	enlist[DeleteVendor, DeletePayload]()
	enlist[CreateProduct, CreateProductPayload]()
	enlist[UpdateProduct, UpdateProductPayload]()
	enlist[DeleteProduct, DeletePayload]()
	enlist[CreateContract, CreateContractPayload]()
	enlist[UpdateContract, UpdateContractPayload]()
	enlist[DeleteContract, DeletePayload]()
	enlist[RenewContract, RenewContractPayload]()
	enlist[CreateLicense, CreateLicensePayload]()
	enlist[UpdateLicense, UpdateLicensePayload]()
	enlist[DeleteLicense, DeletePayload]()
	enlist[PlanRenewal, PlanRenewalPayload]()
	enlist[RemoveUnusedOverage, RemoveUnusedOveragePayload]()
	enlist[PlacePurchaseReservation, PurchasePayload]()
	enlist[CancelPurchaseReservation, PurchasePayload]()
	enlist[FulfillPurchaseReservation, PurchasePayload]()
	enlist[RecordDeployments, RecordDeploymentsPayload]()
	enlist[CreateAllocation, AllocationPayload]()
	enlist[UpdateAllocation, AllocationPayload]()
	enlist[DeleteAllocation, DeleteAllocationPayload]()
	enlist[UpsertUsers, UsersPayload]()
	enlist[DeleteUsers, DeleteUsersPayload]()
	enlist[ProvisionUser, UsersPayload]()
	enlist[UpsertGroups, GroupsPayload]()
	enlist[DeleteGroup, DeletePayload]()
	enlist[ProvisionGroup, GroupPayload]()
	enlist[AddGroupMembers, GroupPayload]()
	enlist[RemoveGroupMembers, GroupPayload]()
	enlist[CreateServiceToken, CreateServiceTokenPayload]()
	enlist[RevokeServiceToken, RevokeServiceTokenPayload]()
	enlist[ImportProducts, ImportProductsPayload]()
	enlist[Import, ImportPayload]()
}

// enlist makes a command one that can be run again.
func enlist[C, P any, pointer interface {
	*C
	Command[P]
}]() {
	commandKinds[nameOfCommand(reflect.TypeFor[C]())] = commandKind{
		fresh: func() any { return pointer(new(C)) },
		run: func(ctx context.Context, r *Runner, cmd any) (*Reply, error) {
			own, _ := cmd.(pointer) // made by fresh
			payload, err := Run[P](ctx, r, own)
			if err != nil {
				return nil, err
			}
			return any(payload).(replying).reply(), nil
		},
	}
}

// nameOfCommand is the name of a command's type as the API writes names: assignSeats.
func nameOfCommand(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return strings.ToLower(t.Name()[:1]) + t.Name()[1:]
}
