package session

// TenantID names a tenant of the host: whatever its database calls the customer. The
// library compares it byte by byte and never looks inside. The zero TenantID names
// no tenant.
type TenantID string

// MemberID names a member within a tenant; two tenants may use the same one for
// different people. The library compares it byte by byte and never looks inside. The
// zero MemberID names nobody. Package member calls it member.ID; the type is declared
// here because members stand above sessions.
type MemberID string
