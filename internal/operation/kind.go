package operation

import (
	"context"
	"reflect"
	"strings"
)

// kind is what is to be known of the commands of one type.
type kind struct {
	fresh    func() any
	run      func(ctx context.Context, r *Runner, cmd any) (*Reply, error) // as it is run again from the record
	rehearse func() rehearsed                                              // as explanations and remedies try it
	mutation bool                                                          // the API has it
}

// kinds are all commands, by name. Census tests miss those that are not here.
var kinds = map[string]kind{}

func init() { // not at the declaration: commands are run by what refers to it
	mutation[AssignSeats, SeatsPayload]()
	mutation[UnassignSeats, SeatsPayload]()
	mutation[RetrySeats, RetrySeatsPayload]()
	mutation[LicenseGroup, GroupLicensePayload]()
	mutation[UpdateGroupLicense, GroupLicensePayload]()
	mutation[UnlicenseGroup, UnlicenseGroupPayload]()
	mutation[SwapGroupLicense, GroupLicensePayload]()
	mutation[ExcludeFromGroupLicense, GroupLicensePayload]()
	mutation[IncludeInGroupLicense, GroupLicensePayload]()
	mutation[CreateAllotment, AllotmentPayload]()
	mutation[UpdateAllotment, AllotmentPayload]()
	mutation[DeleteAllotment, DeleteAllotmentPayload]()
	mutation[CreateVendor, CreateVendorPayload]()
	mutation[DeleteVendor, DeletePayload]()
	mutation[CreateProduct, CreateProductPayload]()
	mutation[UpdateProduct, UpdateProductPayload]()
	mutation[DeleteProduct, DeletePayload]()
	mutation[CreateContract, CreateContractPayload]()
	mutation[UpdateContract, UpdateContractPayload]()
	mutation[DeleteContract, DeletePayload]()
	mutation[RenewContract, RenewContractPayload]()
	mutation[CreateLicense, CreateLicensePayload]()
	mutation[UpdateLicense, UpdateLicensePayload]()
	mutation[DeleteLicense, DeletePayload]()
	mutation[PlanRenewal, PlanRenewalPayload]()
	mutation[RemoveUnusedOverage, RemoveUnusedOveragePayload]()
	mutation[PlacePurchaseReservation, PurchasePayload]()
	mutation[CancelPurchaseReservation, PurchasePayload]()
	mutation[FulfillPurchaseReservation, PurchasePayload]()
	mutation[RecordDeployments, RecordDeploymentsPayload]()
	mutation[CreateAllocation, AllocationPayload]()
	mutation[UpdateAllocation, AllocationPayload]()
	mutation[DeleteAllocation, DeleteAllocationPayload]()
	mutation[UpsertUsers, UsersPayload]()
	mutation[DeleteUsers, DeleteUsersPayload]()
	mutation[UpsertGroups, GroupsPayload]()
	mutation[DeleteGroup, DeletePayload]()
	mutation[AddGroupMembers, GroupPayload]()
	mutation[RemoveGroupMembers, GroupPayload]()
	mutation[CreateServiceToken, CreateServiceTokenPayload]()
	mutation[RevokeServiceToken, RevokeServiceTokenPayload]()
	mutation[PublishPolicy, PolicyPayload]()
	mutation[RollbackPolicy, PolicyPayload]()
	mutation[StartPolicyTrial, PolicyTrialPayload]()
	mutation[StopPolicyTrial, PolicyTrialPayload]()

	enlist[ProvisionUser, UsersPayload](false)
	enlist[ProvisionGroup, GroupPayload](false)
	enlist[ImportProducts, ImportProductsPayload](false)
	enlist[Import, ImportPayload](false)
}

// mutation enlists a command that is a mutation of the API.
func mutation[C, P any, pointer interface {
	*C
	Command[P]
}]() {
	enlist[C, P, pointer](true)
}

func enlist[C, P any, pointer interface {
	*C
	Command[P]
}](mutation bool) {
	kinds[nameOfCommand(reflect.TypeFor[C]())] = kind{
		mutation: mutation,
		fresh:    func() any { return pointer(new(C)) },
		rehearse: func() rehearsed { return rehearsal[P]{pointer(new(C))} },
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
