//! Asking the services of the kinds.

use kontor_chassis::{Caller, Error, peers::Peers};
use kontor_proto::{
    accounts::v1::{Account, ListAccountsRequest, account_service_client::AccountServiceClient},
    activities::v1::RelatedKind,
    contacts::v1::{Contact, ListContactsRequest, contact_service_client::ContactServiceClient},
    deals::v1::{Deal, ListDealsRequest, deal_service_client::DealServiceClient},
    leads::v1::{Lead, ListLeadsRequest, lead_service_client::LeadServiceClient},
    records::v1::ListQuery,
};

/// So many are looked at of each kind: the newest that match. The best of them are answered.
const LOOKED_AT: i32 = 200;

/// A record that a service found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: RelatedKind,
    pub(super) id: String,
    /// What a person calls it.
    pub(super) name: String,
    /// What else it is found by.
    pub(super) texts: Vec<String>,
}

/// What the service of a kind finds for the caller.
pub(super) async fn find(
    peers: &Peers,
    caller: &Caller,
    kind: RelatedKind,
    words: &str,
) -> Result<Vec<Found>, Error> {
    let query = Some(ListQuery {
        page_size: LOOKED_AT,
        search: words.to_owned(),
        include_total: Some(false),
        ..ListQuery::default()
    });
    match kind {
        RelatedKind::Account => {
            let mut client = AccountServiceClient::new(peers.on_behalf_of("accounts", caller)?);
            let answer = client.list_accounts(ListAccountsRequest { query }).await?;
            Ok(answer.into_inner().accounts.into_iter().map(account).collect())
        }
        RelatedKind::Contact => {
            let mut client = ContactServiceClient::new(peers.on_behalf_of("contacts", caller)?);
            let answer = client.list_contacts(ListContactsRequest { query }).await?;
            Ok(answer.into_inner().contacts.into_iter().map(contact).collect())
        }
        RelatedKind::Lead => {
            let mut client = LeadServiceClient::new(peers.on_behalf_of("leads", caller)?);
            let answer = client.list_leads(ListLeadsRequest { query }).await?;
            Ok(answer.into_inner().leads.into_iter().map(lead).collect())
        }
        RelatedKind::Deal => {
            let mut client = DealServiceClient::new(peers.on_behalf_of("deals", caller)?);
            let answer = client.list_deals(ListDealsRequest { query }).await?;
            Ok(answer.into_inner().deals.into_iter().map(deal).collect())
        }
        RelatedKind::Unspecified => Ok(Vec::new()),
    }
}

fn account(account: Account) -> Found {
    let texts = [
        account.account_number,
        account.industry,
        account.domain,
        account.phone,
        account.email,
    ];
    Found {
        kind: RelatedKind::Account,
        id: account.id,
        name: account.name,
        texts: texts.into_iter().flatten().chain(account.tags).collect(),
    }
}

fn contact(contact: Contact) -> Found {
    let texts = [
        contact.email,
        contact.secondary_email,
        contact.phone,
        contact.mobile,
        contact.title,
    ];
    Found {
        kind: RelatedKind::Contact,
        id: contact.id,
        name: contact.full_name,
        texts: texts.into_iter().flatten().chain(contact.tags).collect(),
    }
}

fn lead(lead: Lead) -> Found {
    let texts = [lead.email, lead.phone, lead.mobile, lead.company_name];
    Found {
        kind: RelatedKind::Lead,
        id: lead.id,
        name: lead.full_name,
        texts: texts.into_iter().flatten().chain(lead.tags).collect(),
    }
}

fn deal(deal: Deal) -> Found {
    Found {
        kind: RelatedKind::Deal,
        id: deal.id,
        name: deal.name,
        texts: deal.lost_reason.into_iter().chain(deal.tags).collect(),
    }
}
