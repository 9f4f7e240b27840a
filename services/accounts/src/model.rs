//! An account: what it holds, and what follows from what. Pure.

use kontor_proto::accounts::v1;
use kontor_records::{Address, Money, choice, names, record};
use time::OffsetDateTime;
use uuid::Uuid;

choice! {
    /// What an account is to the company.
    pub enum AccountType(v1::AccountType) {
        /// May become a customer.
        Prospect = "prospect",
        /// Buys.
        Customer = "customer",
        /// Sells or builds together with the company.
        Partner = "partner",
        /// Sells to the company.
        Vendor = "vendor",
        /// Sells the same.
        Competitor = "competitor",
        /// Something else.
        Other = "other",
    }
}

choice! {
    /// Whether one deals with an account.
    pub enum AccountStatus(v1::AccountStatus) {
        /// One does.
        Active = "active",
        /// No longer.
        Inactive = "inactive",
    }
}

record! {
    /// A company that one deals with.
    pub struct Account(v1::Account), told by v1::AccountsChanged;
    table "accounts.accounts", one "account", many "accounts";
    title |account| account.name.clone();
    fields {
        /// Its name.
        name: String = text(255).required().search().import(&["account name", "account", "company", "company name", "organization"]),
        /// The number under which one keeps it elsewhere.
        account_number: Option<String> = text(100).search().import(&["account no", "account no.", "number"]),
        /// What it is to the company.
        r#type: Option<AccountType> = choice().import(&["account type"]),
        /// Its industry.
        industry: Option<String> = text(100).search().import(&["sector"]),
        /// Its web page.
        website: Option<String> = link().import(&["web site", "url", "homepage", "web page"]),
        /// The web page's host in lower case without `www.`.
        domain: Option<String> = text(255).read_only().search(),
        /// Telephone number.
        phone: Option<String> = phone().search().import(&["telephone", "phone number", "main phone"]),
        /// E-mail address.
        email: Option<String> = email().search().import(&["e-mail", "email address", "e-mail address"]),
        /// Its employees.
        employee_count: Option<i64> = whole(0, 100_000_000).import(&["employees", "number of employees", "no. of employees"]),
        /// Its yearly revenue.
        annual_revenue: Option<Money> = money().import(&["revenue", "turnover"]),
        /// The user's own judgement.
        rating: Option<String> = text(100).import(&["account rating"]),
        /// Whether one still deals with it.
        status: AccountStatus = choice().import(&["account status"]),
        /// Where bills go.
        billing_address: Address = group(),
        /// Where goods go.
        shipping_address: Address = group(),
        /// The account it belongs to.
        parent_id: Option<Uuid> = reference("account"),
        /// The territory it lies in.
        territory_id: Option<Uuid> = reference("territory"),
        /// Free text.
        description: Option<String> = lines(32_000).import(&["notes", "about"]),
        /// Contacts that work there.
        contact_count: i32 = whole(0, 1_000_000_000).generated(),
        /// Deals with it that are open.
        open_deal_count: i32 = whole(0, 1_000_000_000).generated(),
        /// When the last activity was logged.
        last_activity_at: Option<OffsetDateTime> = moment().generated(),
    }
    internal {
        /// The name as accounts are compared by it.
        name_key: String = text(255),
        /// A person put it into its territory, or out of all.
        territory_by_hand: bool = flag(),
    }
    computed {}
    expand { owner: owner_id, territory: territory_id, parent: parent_id }
}

impl Account {
    /// What follows from the other fields, before it is saved.
    pub fn settle(&mut self) {
        self.name_key = names::key(&self.name);
        self.domain = self.website.as_deref().and_then(names::domain);
    }
}
