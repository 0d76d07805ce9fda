import { getNullableType, isEnumType, isInterfaceType, isListType, isScalarType } from 'graphql';

const people = ['Ann Archer', 'Ben Osei', 'Chloé Martin', 'Deniz Kaya', 'Eva Novák', 'Finn Larsen', 'Grace Liu', 'Hugo Silva'];
const products = ['Microsoft 365 E5', 'Microsoft 365 E3', 'Visio Plan 2', 'Power BI Pro', 'Project Plan 3'];
const words = {
  displayName: people,
  userName: people.map((name) => `${name.split(' ')[0].toLowerCase()}@example.com`),
  principal: ['ada@example.com', 'dora@example.com'],
  department: ['Sales', 'Research', 'Finance', 'Legal'],
  usageLocation: ['DE', 'FR', 'US', 'GB'],
  code: ['INSUFFICIENT_POOL', 'OUT_OF_SCOPE', 'MUTUALLY_EXCLUSIVE'],
  message: ['Allotment EMEA has no unit left: 1 requested, 0 available.', 'The user is outside the scope of allotment EMEA.'],
  action: ['assignSeats', 'licenseGroup', 'updateAllotment'],
  sku: ['SPE_E5', 'SPE_E3', 'VISIOCLIENT'],
  number: ['EA-2024-017', 'EA-2025-003'],
};
const names = {
  Product: products,
  Allotment: ['EMEA', 'United Kingdom', 'London', 'Berlin'],
  Group: ['Sales EMEA', 'Researchers', 'Contractors'],
  Vendor: ['Microsoft'],
  Contract: ['Enterprise Agreement', 'Support 2025'],
};
const numbers = { limit: 150, used: 112, reserved: 30, available: 8, overBy: 0, totalCount: 3, quantity: 275, shortBy: 1, requested: 1 };

/** A field resolver that makes up a value for every field by its type and name; the same for the same question. */
export function mock() {
  let count = 0;
  const pick = (list) => list[count++ % list.length];
  function value(type, field, parent) {
    const inner = getNullableType(type);
    if (isListType(inner)) return [0, 1, 2].map(() => value(inner.ofType, field, parent));
    if (isEnumType(inner)) return pick(inner.getValues()).value;
    if (isScalarType(inner)) return scalar(inner.name, field, parent);
    return isInterfaceType(inner) ? { __typename: 'License' } : {};
  }
  function scalar(type, field, parent) {
    switch (type) {
      case 'ID': return `${parent}:${++count}`;
      case 'Int': return field === 'position' ? (count++ % 8) + 1 : numbers[field] ?? (count++ % 40) + 1;
      case 'Float': return (count++ % 4) / 2;
      case 'Boolean': return count++ % 3 !== 0;
      case 'Time': return new Date(Date.UTC(2026, 2, 1, 8, count++ % 60)).toISOString();
      case 'Date': return new Date(Date.UTC(2026, count++ % 12, 1)).toISOString().slice(0, 10);
      case 'JSON': return {};
      default: return pick(words[field] ?? (field === 'name' ? names[parent] : null) ?? [field]);
    }
  }
  return (source, _args, _context, info) => {
    const given = source?.[info.fieldName];
    return given === undefined ? value(info.returnType, info.fieldName, info.parentType.name) : given;
  };
}
