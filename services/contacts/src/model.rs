//! A contact: what it holds, and what follows from what. Pure.

use kontor_proto::contacts::v1;
use kontor_records::{Address, record};
use time::Date;
use uuid::Uuid;

record! {
    /// A person, mostly at an account.
    pub struct Contact(v1::Contact), told by v1::ContactsChanged;
    table "contacts.contacts", one "contact", many "contacts";
    title |contact| contact.full_name.clone();
    fields {
        /// Given name.
        first_name: Option<String> = text(100).search().import(&["given name", "forename", "first"]),
        /// Family name.
        last_name: String = text(100).required().search().import(&["family name", "surname", "last"]),
        /// First and last name.
        full_name: String = text(201).read_only().import(&["contact name", "contact", "lead name"]),
        /// E-mail address.
        email: Option<String> = email().search().import(&["e-mail", "email address", "e-mail address", "e-mail 1 - value"]),
        /// Another e-mail address.
        secondary_email: Option<String> = email().search().import(&["other email", "e-mail 2 - value"]),
        /// Telephone number.
        phone: Option<String> = phone().search().import(&["telephone", "phone number", "business phone", "work phone"]),
        /// Mobile number.
        mobile: Option<String> = phone().search().import(&["mobile phone", "cell", "cell phone"]),
        /// What the person is there.
        title: Option<String> = text(128).search().import(&["job title", "position", "role"]),
        /// The department.
        department: Option<String> = text(100),
        /// The account where the person works.
        account_id: Option<Uuid> = reference("account").label("Account").told(),
        /// The account's name, kept by the database.
        account_name: Option<String> = text(255).generated(),
        /// Whether it is the account's primary contact.
        is_primary: bool = flag().import(&["primary"]),
        /// The contact whom the person reports to.
        reports_to_id: Option<Uuid> = reference("contact").label("Reports to"),
        /// Where post goes.
        mailing_address: Address = group(),
        /// Birthday.
        birthday: Option<Date> = date().import(&["birthdate", "date of birth"]),
        /// The page at LinkedIn.
        linkedin_url: Option<String> = link().import(&["linkedin", "linkedin profile"]),
        /// Does not want to be called.
        do_not_call: bool = flag(),
        /// Does not want to be written to.
        do_not_email: bool = flag().import(&["email opt out"]),
        /// How the contact came.
        source: Option<String> = text(100).import(&["lead source", "contact source"]),
        /// The territory the contact belongs to.
        territory_id: Option<Uuid> = reference("territory"),
        /// Free text.
        description: Option<String> = lines(32_000).import(&["notes", "about"]),
    }
    internal {}
    computed {}
    expand { account: account_id, owner: owner_id, territory: territory_id, reports_to: reports_to_id }
}

impl Contact {
    /// What follows from the other fields, before it is saved.
    pub fn settle(&mut self) {
        self.full_name = full_name(self.first_name.as_deref(), &self.last_name);
    }

    /// Moves to another account, or to none: who was the primary contact of one isn't that of the other.
    pub fn move_to(&mut self, account: Option<Uuid>) {
        if self.account_id != account {
            self.account_id = account;
            self.is_primary = false;
        }
    }
}

/// First and last name with a blank between.
#[must_use]
pub fn full_name(first: Option<&str>, last: &str) -> String {
    match first {
        Some(first) if !first.is_empty() => format!("{first} {last}"),
        _ => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_has_no_blank_where_a_part_is_missing() {
        assert_eq!(full_name(Some("Ada"), "Lovelace"), "Ada Lovelace");
        assert_eq!(full_name(None, "Lovelace"), "Lovelace");
        assert_eq!(full_name(Some(""), "Lovelace"), "Lovelace");
    }
}
