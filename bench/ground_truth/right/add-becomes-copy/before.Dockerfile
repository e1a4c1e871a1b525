FROM localhost/trimtab/python:3.11-bookworm
ADD server.py /srv/app/
ADD words/ /srv/app/words/
WORKDIR /srv/app
EXPOSE 8000
CMD ["python", "server.py"]
