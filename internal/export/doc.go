// Package export writes lists, overviews and costs as CSV or JSON, page by page, as far as the principal of the context may see
// them: it reads through internal/query alone, so scope and masks are those of the API. Columns are named so that our own
// feeds read them back.
package export
