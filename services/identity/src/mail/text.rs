//! The texts of mails, from the templates in `templates/`: each as text and as HTML.

use minijinja::{Environment, Value};

use super::MailError;

/// The texts of one mail.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The templates, read once.
#[derive(Debug)]
pub(crate) struct Letters(Environment<'static>);

macro_rules! templates {
    ($environment:ident: $($name:literal),+) => {
        $($environment.add_template($name, include_str!(concat!("../../templates/", $name)))?;)+
    };
}

impl Letters {
    /// Reads the templates.
    pub(crate) fn new() -> Result<Self, MailError> {
        let mut environment = Environment::new();
        // A name that a template uses and nobody gives is a mistake, and no blank.
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        templates!(
            environment:
            "layout.html",
            "verify_email.txt", "verify_email.html",
            "reset_password.txt", "reset_password.html",
            "password_changed.txt", "password_changed.html",
            "invitation.txt", "invitation.html"
        );
        Ok(Self(environment))
    }

    /// The texts of a letter. In HTML, what people typed is escaped.
    pub(crate) fn write(&self, template: &str, subject: String, names: &Value) -> Result<Texts, MailError> {
        let render = |ending: &str| -> Result<String, minijinja::Error> {
            self.0
                .get_template(&format!("{template}.{ending}"))?
                .render(names.clone())
        };
        Ok(Texts {
            subject,
            text: render("txt")?,
            html: render("html")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use minijinja::{Value, context};

    use super::Letters;

    #[test]
    fn what_people_typed_is_text_in_html_too() {
        let letters = Letters::new().unwrap();
        let names = context! {
            name => "<b>Ada</b> & co",
            link => "https://crm.example/reset-password?token=abc-_",
            hours => 1,
        };
        let texts = letters
            .write("reset_password", "Subject".to_owned(), &names)
            .unwrap();
        assert!(texts.text.contains("<b>Ada</b> & co"), "{}", texts.text);
        assert!(
            texts
                .text
                .lines()
                .any(|line| line == "https://crm.example/reset-password?token=abc-_"),
            "{}",
            texts.text
        );
        assert!(texts.html.contains("&lt;b&gt;Ada&lt;"), "{}", texts.html);
        assert!(texts.html.starts_with("<!doctype html>"), "{}", texts.html);
    }

    #[test]
    fn a_template_that_is_not_given_all_its_names_is_no_mail() {
        let letters = Letters::new().unwrap();
        assert!(
            letters
                .write("reset_password", String::new(), &Value::UNDEFINED)
                .is_err()
        );
    }
}
